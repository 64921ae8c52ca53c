// What is known of the genomes in a room: the latest that each author said, who else told of it, and what was taken back.

import { toHex } from '#core/crypto/bytes.ts'
import type { GENOME_WITHDRAWAL } from '#core/protocol/messages/genome.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { ObjectOf } from '#core/protocol/signed-object.ts'
import type { GenomeSummary } from './genome-summary.ts'
import type { GenomeEvaluation } from './lab-api.ts'

/** How word of a genome came: who signed it (null where somebody else told), and as which of his news, if it was news. */
export interface Told {
  readonly by: string | null
  readonly sequence: number | null
}

export type Withdrawal = ObjectOf<typeof GENOME_WITHDRAWAL>

export interface KnownGenome {
  readonly summary: GenomeSummary
  readonly told: Told
  /** Peers that told of it. */
  readonly holders: ReadonlySet<string>
  readonly evaluations: readonly GenomeEvaluation[]
}

export interface KnownGenomes {
  all(): readonly KnownGenome[]
  get(genomeId: string): KnownGenome | undefined
  /** False for what was taken back, is of another author than its own words say, or is one too many. */
  learn(summary: GenomeSummary, from: string, told: Told): boolean
  /** True the first time. */
  withdraw(withdrawal: Withdrawal, body: BodyOf<'GENOME_WITHDRAW'>): boolean
  /** What takes back this announcement. */
  withdrawalOf(summary: GenomeSummary): BodyOf<'GENOME_WITHDRAW'> | undefined
  /** When its author took the genome back last; null if it did not. */
  withdrawnAt(genomeId: string, author: string): number | null
  addEvaluation(genomeId: string, evaluation: GenomeEvaluation): void
  /** A peer is gone, or gives one genome no longer: what nobody stands for any more is forgotten. */
  left(peer: string, genomeId?: string): void
  clear(): void
}

const MAX_GENOMES = 512
/** Of one author. */
const MAX_OF_AUTHOR = 64
const MAX_WITHDRAWALS = 1024
const MAX_EVALUATIONS = 32

interface Entry {
  summary: GenomeSummary
  told: Told
  readonly holders: Set<string>
  evaluations: readonly GenomeEvaluation[]
}

interface KnownWithdrawal {
  readonly genome: string
  readonly author: string
  readonly at: number
  readonly body: BodyOf<'GENOME_WITHDRAW'>
}

export function createKnownGenomes(isSameNode: (a: string, b: string) => boolean): KnownGenomes {
  const entries = new Map<string, Entry>()
  /** By genome and author: nobody's word keeps another's from being heard. */
  const withdrawals = new Map<string, KnownWithdrawal>()

  const withdrawalOf = ({ genome, author, at }: GenomeSummary) => {
    const [id, by] = [toHex(genome), toHex(author)]
    for (const withdrawal of withdrawals.values()) {
      if (withdrawal.genome === id && withdrawal.at >= at && isSameNode(withdrawal.author, by)) return withdrawal.body
    }
    return undefined
  }
  const hasRoom = (author: string) =>
    entries.size < MAX_GENOMES &&
    [...entries.values()].filter(({ summary }) => toHex(summary.author) === author).length < MAX_OF_AUTHOR

  return {
    all: () => [...entries.values()],
    get: (genomeId) => entries.get(genomeId),
    learn(summary, from, told) {
      const isHearsay = told.by === null
      const id = toHex(summary.genome)
      const author = toHex(summary.author)
      if (withdrawalOf(summary)) return false
      const entry = entries.get(id)
      if (!entry) {
        if (!hasRoom(author)) return false
        entries.set(id, { summary, told, holders: new Set([from]), evaluations: [] })
        return true
      }
      if (toHex(entry.summary.author) !== author) {
        // Two claim to have made it. Only its manifest can tell; what an author said itself counts before hearsay.
        if (entry.told.by !== null || isHearsay) return false
        entry.holders.clear()
      }
      entry.holders.add(from)
      const isNewer = summary.at > entry.summary.at || entry.told.by === null
      if (!isHearsay && isNewer) Object.assign(entry, { summary, told })
      return true
    },
    withdraw(withdrawal, body) {
      const id = toHex(withdrawal.genome)
      const author = toHex(withdrawal.author)
      const entry = entries.get(id)
      const key = `${id}/${author}`
      // Nobody takes back what another one made.
      if (entry && !isSameNode(toHex(entry.summary.author), author)) return false
      if ((withdrawals.get(key)?.at ?? -1) >= withdrawal.at) return false
      withdrawals.delete(key)
      withdrawals.set(key, { genome: id, author, at: withdrawal.at, body })
      if (withdrawals.size > MAX_WITHDRAWALS) withdrawals.delete(withdrawals.keys().next().value as string)
      if (entry && entry.summary.at <= withdrawal.at) entries.delete(id)
      return true
    },
    withdrawalOf,
    withdrawnAt(genomeId, author) {
      const times = [...withdrawals.values()]
        .filter((each) => each.genome === genomeId && isSameNode(each.author, author))
        .map(({ at }) => at)
      return times.length === 0 ? null : Math.max(...times)
    },
    addEvaluation(genomeId, evaluation) {
      const entry = entries.get(genomeId)
      if (!entry) return
      const others = entry.evaluations.filter(
        ({ evaluator, domain }) => evaluator !== evaluation.evaluator || domain !== evaluation.domain,
      )
      entry.evaluations = [evaluation, ...others].slice(0, MAX_EVALUATIONS)
    },
    left(peer, genomeId) {
      for (const [id, { holders }] of entries) {
        if (genomeId !== undefined && id !== genomeId) continue
        if (holders.delete(peer) && holders.size === 0) entries.delete(id)
      }
    },
    clear() {
      entries.clear()
      withdrawals.clear()
    },
  }
}
