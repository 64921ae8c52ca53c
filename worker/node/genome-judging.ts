// What genomes do on text that only this node has: measured with the trainer's forward pass when others ask, if the person
// here agreed to it, and asked of others. The text itself never leaves.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { bootstrapChange, type PairedLoss } from '#core/genome/bootstrap.ts'
import { decodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { EVALUATION } from '#core/protocol/messages/genome.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject } from '#core/protocol/signed-object.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import type { TrainingFile } from '#core/training/training-files.ts'
import type { PeerRefusal } from '../net/session.ts'
import type { Swarm } from '../net/swarm.ts'
import type { GenomeExchange } from './genome-exchange.ts'
import { loraOf } from './genome-library.ts'
import { bytesOf } from './genome-summary.ts'
import type { JudgingState } from './lab-api.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Surroundings } from './surroundings.ts'

export interface GenomeJudging {
  /** Reads what was agreed to at earlier visits. */
  start(): Promise<void>
  state(): JudgingState | null
  /** The text to measure on, which others may ask for from now on; no file takes it back. */
  setText(domain: string, files: readonly Blob[], names: readonly string[]): Promise<void>
  /** What this node's own gate measures by; null without a text, or for a model that it is too short for. */
  privateProbes(
    model: OpenedModel,
  ): Promise<{ readonly domain: string; readonly sequences: readonly PackedSequence[] } | null>
  /** Asks a node; resolves once it has reported on each. Throws what it answers, `TIMEOUT`, `PEER_LEFT`. */
  request(peer: string, genomeIds: readonly string[], domain: string, probes: number): Promise<void>
  onRequest(peer: string, body: BodyOf<'GENOME_EVAL_REQUEST'>): Promise<void>
  onReport(peer: string, body: BodyOf<'GENOME_EVAL_REPORT'>): Promise<void>
  onRefused(peer: string, refusal: PeerRefusal): void
  onPeerLost(peer: string): void
}

/** Loss of each sequence without and with an adapter, on the GPU. */
export type Measure = (
  model: OpenedModel,
  adapter: Adapter,
  sequences: readonly PackedSequence[],
) => Promise<PairedLoss[]>

export interface GenomeJudgingOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'records' | 'clock' | 'wallTime' | 'random'>
  readonly owner: string
  readonly swarm: Pick<Swarm, 'send'>
  readonly models: Pick<ModelLibrary, 'findBase' | 'open' | 'fetch'>
  readonly exchange: Pick<GenomeExchange, 'obtain' | 'addEvaluation'>
  readonly measure: Measure
  readonly onChange: () => void
}

const CONFIDENCE = 0.95
const SEQUENCE_TOKENS = 128
const MAX_PROBES = 256
const LEAST_PROBES = 8
/** Of the text kept for it. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const MAX_DOMAIN = 64
/** Requests of others that may wait here. */
const MAX_WAITING = 4
const WAIT_MS = 900_000

interface Asked {
  readonly request: Uint8Array
  readonly genomes: Set<string>
  end(error?: unknown): void
}

export function createGenomeJudging(options: GenomeJudgingOptions): GenomeJudging {
  const { surroundings, swarm, models, exchange } = options
  const { identity, records, clock } = surroundings
  const key = `judging/${options.owner}`
  const asked = new Map<string, Asked>()
  let text: { readonly domain: string; readonly files: readonly TrainingFile[] } | null = null
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0

  async function judge(genomeId: string, domain: string, probes: number) {
    if (text?.domain !== domain)
      throw new CentramError('NOT_OFFERED', `This node has no text of the domain "${domain}".`)
    const { genome, tensors } = await exchange.obtain(genomeId)
    const { base } = genome.manifest
    const modelId = await models.findBase(base)
    if (modelId === undefined) throw new CentramError('MODEL_UNKNOWN', `This node does not have "${base.name}".`)
    const model = await models.open(modelId)
    const whole = { first: 0, last: model.config.layers }
    await models.fetch(modelId, whole, { signal: new AbortController().signal, onProgress: () => undefined })
    const adapter = await decodeAdapterTensors(model.config, loraOf(genome.manifest), tensors)
    const { sampleHeldOut } = await import('./training-text.ts')
    const { others, length } = await splitText(model, text.files)
    const sequences = sampleHeldOut(others, probes * length).slice(0, probes)
    if (sequences.length < LEAST_PROBES) {
      throw new CentramError(
        'NO_CAPACITY',
        `The text holds ${sequences.length} probes only; ${LEAST_PROBES} are the least.`,
      )
    }
    const losses = await options.measure(model, adapter, sequences)
    // The interval's draws follow from the genome, so that nobody can draw until it suits.
    const seed = new DataView(bytesOf(genomeId).buffer).getUint32(0)
    const { mean, low, high } = bootstrapChange(losses, CONFIDENCE, seed)
    return encodeObject(EVALUATION, {
      genome: bytesOf(genomeId),
      base: bytesOf(base.hash),
      evaluator: identity.publicKey,
      domain,
      probes: sequences.length,
      delta: mean,
      low,
      high,
      confidence: CONFIDENCE,
      at: surroundings.wallTime(),
    })
  }

  return {
    async start() {
      const kept = (await records.get('settings', key)) as typeof text | undefined
      if (kept && typeof kept.domain === 'string' && Array.isArray(kept.files)) text = kept
    },

    state: () => text && { domain: text.domain, bytes: text.files.reduce((sum, { bytes }) => sum + bytes.length, 0) },

    async setText(domain, files, names) {
      if (files.length === 0) {
        text = null
        await records.delete('settings', key)
        return options.onChange()
      }
      const name = domain.trim()
      if (name === '' || name.length > MAX_DOMAIN) {
        throw new CentramError(
          'BAD_ARGUMENT',
          `Say what the text is about in 1 to ${MAX_DOMAIN} characters, such as "poems".`,
        )
      }
      if (files.reduce((sum, { size }) => sum + size, 0) > MAX_TEXT_BYTES) {
        throw new CentramError('BAD_ARGUMENT', 'Choose less text to judge by: 4 MiB are the most.')
      }
      const read = await Promise.all(
        files.map(async (file, i) => ({ name: names[i] ?? '', bytes: new Uint8Array(await file.arrayBuffer()) })),
      )
      text = { domain: name, files: read }
      await records.put('settings', key, text)
      options.onChange()
    },

    async privateProbes(model) {
      if (!text) return null
      const { own } = await splitText(model, text.files)
      return own.length < LEAST_PROBES ? null : { domain: text.domain, sequences: own }
    },

    async request(peer, genomeIds, domain, probes) {
      if (asked.has(peer))
        throw new CentramError('BAD_ARGUMENT', 'That node is judging for this one. Wait for it to end.')
      await new Promise<void>((resolve, reject) => {
        const request = surroundings.random(16)
        const timer = clock.setTimeout(() => {
          asked.get(peer)?.end(new CentramError('TIMEOUT', 'The node has not reported in a quarter of an hour.'))
        }, WAIT_MS)
        asked.set(peer, {
          request,
          genomes: new Set(genomeIds),
          end(error) {
            clock.clearTimeout(timer)
            asked.delete(peer)
            if (error === undefined) resolve()
            else reject(error instanceof Error ? error : new CentramError('INTERNAL', 'The request failed.'))
          },
        })
        try {
          swarm.send(peer, 'GENOME_EVAL_REQUEST', { request, genomes: genomeIds.map(bytesOf), domain, probes })
        } catch (error) {
          asked.get(peer)?.end(error)
        }
      })
    },

    async onRequest(peer, { request, genomes, domain, probes }) {
      if (!text) throw new CentramError('NOT_OFFERED', 'The person at this node judges no genomes for others.')
      if (waiting >= MAX_WAITING)
        throw new CentramError('NO_CAPACITY', 'This node has enough to judge. Ask again later.')
      waiting++
      // One after the other: they share a GPU with the person here.
      const work = last.then(async () => {
        for (const genome of genomes) {
          const evaluation = await judge(toHex(genome), domain, Math.min(MAX_PROBES, Math.max(LEAST_PROBES, probes)))
          const report = { request, evaluation, signature: await signObject(EVALUATION, evaluation, identity) }
          await exchange.addEvaluation(report)
          swarm.send(peer, 'GENOME_EVAL_REPORT', report)
        }
      })
      last = work.catch(() => undefined)
      try {
        await work
      } finally {
        waiting--
      }
    },

    async onReport(peer, body) {
      const entry = asked.get(peer)
      const { genome, evaluator } = readObject(EVALUATION, body.evaluation)
      const isAnswer =
        entry && body.request && equalBytes(entry.request, body.request) && entry.genomes.has(toHex(genome))
      if (!isAnswer || toHex(evaluator) !== peer) {
        throw new CentramError('BAD_ARGUMENT', 'This report answers no question of this node.')
      }
      await exchange.addEvaluation(body)
      entry.genomes.delete(toHex(genome))
      if (entry.genomes.size === 0) entry.end()
    },

    onRefused(peer, { about, message }) {
      if (about !== 'GENOME_EVAL_REQUEST') return
      asked.get(peer)?.end(new CentramError('PEER_REFUSED', `The node did not judge the genome. ${message}`))
    },

    onPeerLost(peer) {
      asked.get(peer)?.end(new CentramError('PEER_LEFT', 'The node left before it had reported.'))
    },
  }
}

/**
 * The sequences that others may have genomes measured on, and those that this node's gate keeps for itself: whoever asks often
 * enough could fit a genome to what he is answered by. A text too short for both serves both.
 */
async function splitText(model: OpenedModel, files: readonly TrainingFile[]) {
  const { prepareText } = await import('./training-text.ts')
  const length = Math.min(SEQUENCE_TOKENS, model.config.contextLength)
  const { train } = prepareText(model, files, {
    sequenceLength: length,
    heldOutFraction: 0,
    seed: 0,
    isPrivate: false,
  })
  if (train.length < 4 * LEAST_PROBES) return { length, others: train, own: train }
  return { length, others: train.filter((_, i) => i % 2 === 0), own: train.filter((_, i) => i % 2 === 1) }
}
