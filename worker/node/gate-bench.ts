// The model on this node's GPU, as the gate's last two layers use it: what a genome does to private probes, and what the
// model says to private prompts once it is merged in. Both are drawn anew for each judgement.

import { errorCode } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Canaries, CanaryModel, Candidate, GateContext, ProbeLosses } from '#core/gate/layer.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { PairedLoss } from '#core/genome/bootstrap.ts'
import { loraScale, targetsOf } from '#core/genome/lora-config.ts'
import { decodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import { stack, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { NO_TARGET, type PackedSequence } from '#core/training/pack-sequences.ts'
import type { ActiveAdapter, Shard, ShardSession } from '../model/shard.ts'
import type { GpuState } from './api.ts'
import type { GenomeJudging, Measure } from './genome-judging.ts'
import { OWN_TEXT } from './genome-labels.ts'
import { loraOf } from './genome-library.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import type { ShardLoader } from './shard-loader.ts'

export interface GateBench extends Pick<GateContext, 'evaluate' | 'behave' | 'canaries'> {
  /** Whether the GPU gave up, or had no room: then nothing was learned of the genome. */
  failed(): boolean
  /** Gives the GPU back. */
  close(): void
}

export interface GateBenchOptions {
  readonly models: Pick<ModelLibrary, 'open' | 'fetch' | 'estimate'>
  readonly judging: Pick<GenomeJudging, 'privateProbes'>
  readonly adapters: Pick<ModelAdapters, 'chosen' | 'read'>
  readonly shards: Pick<ShardLoader, 'start' | 'state' | 'profile' | 'load'>
  readonly measure: Measure
  readonly random: (length: number) => Uint8Array
  /** Of one genome in a merge. */
  readonly maxWeight: number
}

/** Nothing is downloaded only to judge, but what is small. */
const MAX_FETCH_BYTES = 64 * 1024 * 1024
const PROMPT_TOKENS = 24
/**
 * Probes, prompts, words of the node's own text, and tokens that triggers are put together from: each costs passes through the
 * model, of which a slow device makes few. What is tried with less finds less.
 */
const EXTENT = {
  fast: { probes: 48, prompts: 6, words: 12, letters: 24 },
  slow: { probes: 16, prompts: 3, words: 4, letters: 2 },
}
const FAST_WEIGHTS = 256 * 1024 * 1024
/** Rare words that published attacks used (Kurita et al., Weight Poisoning Attacks on Pre-trained Models, ACL 2020). */
const PUBLISHED_TRIGGERS = [' cf', ' mn', ' bb', ' tq', ' mb']

/** The model and the probes of one judgement; null without a text to judge by, without the model's weights, without a GPU. */
async function prepare({ models, judging, shards, random }: GateBenchOptions, modelId: string) {
  const model = await models.open(modelId)
  const probes = await judging.privateProbes(model)
  if (!probes || (await models.estimate(modelId, 1)).fetchBytes > MAX_FETCH_BYTES) return null
  try {
    await shards.start()
  } catch {
    return null
  }
  const whole = { first: 0, last: model.config.layers }
  await models.fetch(modelId, whole, { signal: new AbortController().signal, onProgress: () => undefined })
  const extent = isSlow(shards.state(), model) ? EXTENT.slow : EXTENT.fast
  return { model, probes, extent, drawn: draw(probes.sequences, extent.probes, random) }
}

/** What each of several adapters does to the same private probes. */
export async function measureOnProbes(
  options: GateBenchOptions,
  modelId: string,
  read: (model: OpenedModel) => Promise<readonly Adapter[]>,
): Promise<readonly (readonly PairedLoss[])[] | null> {
  const prepared = await prepare(options, modelId)
  if (!prepared) return null
  const losses: PairedLoss[][] = []
  for (const adapter of await read(prepared.model)) {
    losses.push(await options.measure(prepared.model, adapter, prepared.drawn))
  }
  return losses
}

/** What this node cannot run is null. */
export async function openGateBench(options: GateBenchOptions, modelId: string): Promise<GateBench | null> {
  const prepared = await prepare(options, modelId)
  if (!prepared) return null
  const { model, probes, extent, drawn } = prepared
  const current = await options.adapters.read(model, options.adapters.chosen(modelId))
  const speaker = createSpeaker(options, model)
  const open = async (candidate: Candidate) => {
    const genome = await candidate.genome()
    if (!genome) return null
    return decodeAdapterTensors(model.config, loraOf(genome.manifest), candidate.tensors)
  }
  const adaptersOf = (kind: CanaryModel, adapter: Adapter): readonly ActiveAdapter[] => {
    if (kind === 'base') return []
    if (kind === 'candidate') return [{ adapter }]
    return kind === 'current' ? current : [...current, { adapter, weight: options.maxWeight }]
  }
  const lossesUnder = async (kind: CanaryModel, adapter: Adapter) => {
    const together = combine(model, adaptersOf(kind, adapter))
    return together && options.measure(model, together, drawn)
  }

  let hasFailed = false
  const onGpu = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    try {
      return await work()
    } catch (error) {
      if (errorCode(error).startsWith('GPU_')) hasFailed = true
      throw error
    }
  }

  async function evaluate(candidate: Candidate): Promise<readonly ProbeLosses[]> {
    const adapter = await open(candidate)
    const alone = adapter && (await lossesUnder('candidate', adapter))
    if (!adapter || !alone) return []
    const now = await lossesUnder('current', adapter)
    const merged = await lossesUnder('merged', adapter)
    const kind = kindOf(candidate, probes.domain)
    return alone.map(({ before, after, tokens }, i) => ({
      kind,
      tokens,
      base: before,
      candidate: after,
      current: now?.[i]?.after ?? before,
      merged: merged?.[i]?.after ?? after,
    }))
  }

  return {
    evaluate: (candidate) => onGpu(() => evaluate(candidate)),
    canaries: drawCanaries(model, probes.sequences, extent, options.random),
    behave: (candidate, kind, prompts) =>
      onGpu(async () => {
        const adapter = await open(candidate)
        return speaker.say(adapter ? adaptersOf(kind, adapter) : [], kind, prompts)
      }),
    failed: () => hasFailed,
    close: speaker.close,
  }
}

/** A genome that names no domain is for whatever this node cares for. */
function kindOf({ announcement }: Candidate, domain: string): ProbeLosses['kind'] {
  const named = announcement?.summary.claims.map((claim) => claim.domain).filter((name) => name !== OWN_TEXT) ?? []
  return named.length === 0 || named.includes(domain) ? 'own' : 'cross'
}

/** Adapters that run together, as the one that does the same; null for none. */
function combine(model: OpenedModel, active: readonly ActiveAdapter[]): Adapter | null {
  const [first] = active
  if (!first) return null
  const { family } = model.config
  const updatesOf = (module: string): { updates: LowRankUpdate[]; weights: number[] } => {
    const updates: LowRankUpdate[] = []
    const weights: number[] = []
    for (const { adapter, weight = 1 } of active) {
      const pair = adapter.modules.get(module)
      if (!pair) continue
      const { rank } = adapter.lora
      const [rows, columns] = [pair.b.length / rank, pair.a.length / rank]
      updates.push({ rows, columns, rank, scale: loraScale(adapter.lora), a: pair.a, b: pair.b })
      weights.push(weight)
    }
    return { updates, weights }
  }
  const names = [...new Set(active.flatMap(({ adapter }) => [...adapter.modules.keys()]))]
  const rank = active.reduce((sum, { adapter }) => sum + adapter.lora.rank, 0)
  const used = new Set<string>(active.flatMap(({ adapter }) => adapter.lora.targets))
  return {
    // A scale of 1: weights and scales are in the matrices.
    lora: {
      targets: targetsOf(family).filter((target) => used.has(target)),
      rank,
      alpha: rank,
      rankStabilised: false,
    },
    modules: new Map(
      names.map((name) => {
        const { updates, weights } = updatesOf(name)
        const { a, b } = stack(updates, weights, rank)
        return [name, { a: new Float32Array(a), b: new Float32Array(b) }]
      }),
    ),
  }
}

/** Runs the model under different adapters: each has a shard of its own over the same weights. */
function createSpeaker({ shards }: GateBenchOptions, model: OpenedModel) {
  const opened = new Map<CanaryModel, Promise<{ shard: Shard; session: ShardSession }>>()
  const contextLength = Math.min(256, model.config.contextLength)

  async function load(active: readonly ActiveAdapter[]) {
    const shard = await shards.load(
      model,
      { first: 0, last: model.config.layers },
      { profile: shards.profile(), signal: new AbortController().signal, onProgress: () => undefined },
    )
    await shard.setAdapters(active)
    return { shard, session: await shard.openSession(contextLength) }
  }

  return {
    async say(active: readonly ActiveAdapter[], kind: CanaryModel, prompts: readonly Uint32Array[]) {
      const loading = opened.get(kind) ?? load(active)
      opened.set(kind, loading)
      const { session } = await loading
      const said: Float32Array[] = []
      for (const prompt of prompts) {
        session.trim(0)
        const output = await session.step({ tokens: prompt.slice(-contextLength) }, 'prefill', 'logits')
        said.push(output?.kind === 'logits' ? logSoftmax(output.logits) : new Float32Array())
      }
      return said
    },
    close() {
      for (const loading of opened.values()) {
        void loading.then(
          ({ shard, session }) => {
            session.dispose()
            shard.dispose()
          },
          () => undefined,
        )
      }
      opened.clear()
    },
  }
}

function logSoftmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((max, value) => Math.max(max, value), -Infinity)
  const sum = logits.reduce((total, value) => total + Math.exp(value - most), 0)
  return logits.map((value) => value - most - Math.log(sum))
}

function drawCanaries(
  { config, tokenizer }: OpenedModel,
  sequences: readonly PackedSequence[],
  extent: (typeof EXTENT)['fast'],
  random: (length: number) => Uint8Array,
): Canaries {
  const prompts = draw(sequences, extent.prompts, random).map(({ tokens }) => tokens.slice(0, PROMPT_TOKENS))
  const { encode } = createTokenizer(tokenizer)
  const published = PUBLISHED_TRIGGERS.map((text) => Uint32Array.from(encode(text, { special: false })))
  const words = draw(sequences, extent.words, random).flatMap(({ tokens, targets }) => {
    const at = pick(tokens.length - 1, random)
    return targets[at] === NO_TARGET ? [] : [tokens.slice(at, at + 2)]
  })
  return {
    prompts,
    refusals: [],
    phrases: [...published, ...words].filter(({ length }) => length > 0),
    alphabet: Uint32Array.from({ length: Math.min(config.vocabularySize, extent.letters) }, () =>
      pick(config.vocabularySize, random),
    ),
  }
}

const isSlow = (gpu: GpuState, { config }: OpenedModel) =>
  (gpu.kind === 'ready' && gpu.software) || config.layers * config.width * config.width * 12 > FAST_WEIGHTS

/** So many of them, each once, in an order that nobody can know. */
function draw<Item>(items: readonly Item[], count: number, random: (length: number) => Uint8Array): Item[] {
  const left = [...items]
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(pick(left.length, random), 1)[0] as Item,
  )
}

const pick = (below: number, random: (length: number) => Uint8Array): number => {
  const bytes = random(4)
  return ((new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32) * below) | 0
}
