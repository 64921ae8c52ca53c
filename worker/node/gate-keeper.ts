// What comes from others, from its arrival to its use: kept apart, judged by the gate with all this node knows, its verdict
// signed and told; and what a person, or the rule that a person set, decides.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { Judgement } from '#core/gate/gate.ts'
import { NO_RECORDS, type GateRecords } from '#core/gate/records.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { DpStatements } from './dp-statements.ts'
import type { GateBench } from './gate-bench.ts'
import type { GateKnowledge } from './gate-knowledge.ts'
import type { GateVerdicts, SignedVerdict } from './gate-verdicts.ts'
import { openDelivery, type Delivery } from './genome-delivery.ts'
import type { GenomeExchange } from './genome-exchange.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { Withdrawal } from './known-genomes.ts'
import type { KeyBook } from './key-book.ts'
import type { LineageDisputes } from './lineage-disputes.ts'
import type { LineageExchange } from './lineage-exchange.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Arrival, JudgedFinding, Quarantine } from './quarantine.ts'
import type { Surroundings } from './surroundings.ts'

export interface GateKeeper {
  /** Reads what earlier judgements left behind, and goes on with what was not judged yet. */
  start(): Promise<void>
  /** Keeps what was fetched apart and has it judged; resolves once it is kept. Throws for what is no genome. */
  receive(delivery: Delivery): Promise<SignedGenome>
  /** Judges what is here once more. Throws `BAD_ARGUMENT` for what is not. */
  judgeAgain(genomeId: string): Promise<{ readonly findings: readonly JudgedFinding[] } & SignedVerdict>
  isJudging(genomeId: string): boolean
  /** Somebody takes a genome back: its author, or nobody who could. */
  onWithdrawn(withdrawal: Withdrawal): void
  /** Its author announced one, anew perhaps after it was taken back. */
  onAnnounced(genomeId: string, at: number): void
}

export interface GateKeeperOptions {
  readonly surroundings: Pick<Surroundings, 'records' | 'verifier' | 'wallTime'>
  readonly owner: string
  readonly quarantine: Quarantine
  readonly keys: Pick<KeyBook, 'isSameNode'>
  readonly genomes: Pick<GenomeLibrary, 'all' | 'keep' | 'readTensors'>
  readonly models: Pick<ModelLibrary, 'findBase' | 'open'>
  readonly exchange: Pick<GenomeExchange, 'holdersOf'>
  readonly knowledge: GateKnowledge
  readonly openBench: (modelId: string) => Promise<GateBench | null>
  readonly lineage: Pick<LineageExchange, 'complete'>
  readonly statements: Pick<DpStatements, 'of'>
  readonly verdicts: Pick<GateVerdicts, 'publish' | 'ask'>
  readonly disputes: Pick<LineageDisputes, 'claim'>
  /** This node's gate has judged. */
  readonly onJudged: (genomeId: string, outcome: Judgement['outcome']) => Promise<void>
  readonly onChange: () => void
}

/** How each genome came, beside its record: needed to judge it again, and as large as its content's hashes. */
const ORIGINS = 'arrival-origins'
/** Nodes that are asked for a genome's ancestors. */
const MAX_ASKED = 3

export function createGateKeeper(options: GateKeeperOptions): GateKeeper {
  const { surroundings, quarantine, genomes, models, verdicts, keys } = options
  const { records } = surroundings
  const memoryKey = `gate-memory/${options.owner}`
  const judging = new Set<string>()
  let memory: GateRecords = NO_RECORDS
  let last: Promise<unknown> = Promise.resolve()

  const findHere = (genomeId: string) => genomes.all().find(({ id }) => id === genomeId)

  /** One after the other: what one leaves behind the next one is judged by, and they share a GPU. */
  function inTurn<Result>(genomeId: string, work: () => Promise<Result>): Promise<Result> {
    judging.add(genomeId)
    options.onChange()
    const turn = last.then(work).finally(() => {
      judging.delete(genomeId)
      options.onChange()
    })
    last = turn.catch(() => undefined)
    return turn
  }

  async function ask(delivery: Delivery, base: string, again: boolean, bench: GateBench | null): Promise<Judgement> {
    const { judgeArrival } = await import('#core/gate/gate.ts')
    const context = await options.knowledge.gather(base, memory, bench)
    const claim = options.statements.of(toHex(delivery.announcement.summary.genome))
    return judgeArrival({ ...delivery, unsigned: null, claim, again }, context)
  }

  async function judge(delivery: Delivery, genome: SignedGenome | null, again: boolean) {
    const { summary } = delivery.announcement
    const id = toHex(summary.genome)
    const base = genome?.manifest.base.hash ?? toHex(summary.base)
    if (genome) await options.lineage.complete(genome, options.exchange.holdersOf(id).slice(0, MAX_ASKED))
    const modelId = await models.findBase({ hash: base, name: genome?.manifest.base.name ?? summary.baseName })
    const bench = genome && modelId !== undefined ? await options.openBench(modelId).catch(() => null) : null
    let judgement: Judgement
    try {
      judgement = await ask(delivery, base, again, bench)
    } finally {
      bench?.close()
    }
    // A GPU that gave up says nothing of the genome.
    if (bench?.failed()) judgement = await ask(delivery, base, again, null)
    memory = judgement.records
    await records.put('settings', memoryKey, memory)
    const findings = judgement.layers.map(({ name, finding, cost }) => ({
      layer: name,
      outcome: finding.outcome,
      code: finding.code,
      message: finding.message,
      ms: cost,
    }))
    const signed = await verdicts.publish(id, judgement)
    const accepted = judgement.outcome !== 'refused'
    await quarantine.change(id, {
      judged: { accepted, at: surroundings.wallTime(), findings, verdict: signed.verdict, signature: signed.signature },
    })
    for (const { finding } of judgement.layers) {
      const [parent] = finding.genomes ?? []
      if (finding.code === 'NEAR_COPY' && parent !== undefined && genome) {
        await options.disputes.claim(id, parent, toHex(genome.manifest.author))
      }
    }
    await options.onJudged(id, judgement.outcome)
    return { findings, ...signed }
  }

  function entryOf({ announcement, content, sender }: Delivery, hasFiles: boolean): Arrival {
    const { summary } = announcement
    return {
      id: toHex(summary.genome),
      kind: 'fetched',
      name: summary.name,
      author: toHex(summary.author),
      baseHash: toHex(summary.base),
      baseName: summary.baseName,
      bytes: summary.bytes,
      content: content.id,
      sender: sender?.key ?? '',
      at: surroundings.wallTime(),
      hasFiles,
      use: 'held',
      decidedBy: null,
      note: '',
      withdrawnAt: null,
      judged: null,
    }
  }

  const originOf = ({ sender, announcement, content }: Delivery) => ({ sender, announcement, content })

  async function deliveryOf(genome: SignedGenome): Promise<Delivery> {
    const origin = await records.get(ORIGINS, genome.id)
    if (!isOrigin(origin)) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `How "${genome.manifest.name}" came is not known here any more. Remove it and fetch it again to have it judged.`,
      )
    }
    return { ...origin, manifest: genome.bytes, tensors: await genomes.readTensors(genome.id) }
  }

  async function judgeAgain(genomeId: string) {
    const genome = findHere(genomeId)
    if (!genome || quarantine.get(genomeId)?.kind !== 'fetched') {
      throw new CentramError('BAD_ARGUMENT', 'There is nothing of this genome here that could be judged.')
    }
    const delivery = await deliveryOf(genome)
    verdicts.ask(genomeId)
    return inTurn(genomeId, () => judge(delivery, genome, true))
  }

  return {
    async start() {
      const kept = await records.get('settings', memoryKey)
      if (isMemory(kept)) memory = { ...NO_RECORDS, ...kept }
      for (const { id, judged, use, kind, hasFiles } of quarantine.all()) {
        if (use === 'removed') continue
        if (kind === 'fetched' && hasFiles && !findHere(id)) await quarantine.change(id, { hasFiles: false })
        else if (kind === 'fetched' && hasFiles && judged === null) void judgeAgain(id).catch(() => undefined)
      }
    },

    async receive(delivery) {
      const id = toHex(delivery.announcement.summary.genome)
      let genome: SignedGenome | null = null
      let problem: unknown
      try {
        genome = await openDelivery(delivery, surroundings.verifier, models)
      } catch (error) {
        problem = error
      }
      const before = await quarantine.read(id)
      const entry = entryOf(delivery, genome !== null)
      // The mark first, then the files: a tab that is closed in between leaves nothing that could be used.
      await records.put(ORIGINS, id, originOf(delivery))
      // Another tab of this browser may have asked a person already.
      const isAllowed = genome !== null && before?.use === 'allowed'
      await quarantine.put(isAllowed ? { ...entry, use: 'allowed', decidedBy: before.decidedBy } : entry)
      if (!genome) {
        await inTurn(id, () => judge(delivery, null, false))
        throw problem
      }
      await genomes.keep(genome, delivery.tensors)
      verdicts.ask(id)
      const kept = genome
      void inTurn(id, () => judge(delivery, kept, before !== undefined)).catch((error: unknown) =>
        quarantine.change(id, { note: `It could not be judged (${errorCode(error)}). Judge it again.` }),
      )
      return genome
    },

    judgeAgain,
    isJudging: (genomeId) => judging.has(genomeId),

    onWithdrawn({ genome, author, at }) {
      const entry = quarantine.get(toHex(genome))
      if (!entry || !keys.isSameNode(entry.author, toHex(author)) || (entry.withdrawnAt ?? -1) >= at) return
      void quarantine.change(entry.id, { withdrawnAt: at })
    },

    onAnnounced(genomeId, at) {
      const entry = quarantine.get(genomeId)
      if (entry && entry.withdrawnAt !== null && at > entry.withdrawnAt) {
        void quarantine.change(genomeId, { withdrawnAt: null })
      }
    },
  }
}

/** These records are this program's own: enough is looked at to tell an older version's from nothing. */
function isOrigin(value: unknown): value is Pick<Delivery, 'sender' | 'announcement' | 'content'> {
  const { announcement, content } = (value ?? {}) as Partial<Delivery>
  return announcement?.summary.genome instanceof Uint8Array && content?.manifest instanceof Uint8Array
}

function isMemory(value: unknown): value is GateRecords {
  const { quota, freshness, budgets } = (value ?? {}) as Partial<GateRecords>
  return freshness instanceof Map && budgets instanceof Map && quota?.keys instanceof Map
}
