// What is remembered of announcements: the latest of each genome, with its place in its author's sequence.

/** By genome id. */
export type FreshnessRecord = ReadonlyMap<string, Announced>

export interface Announced {
  /** Hex. */
  readonly author: string
  /** When it was announced, as the announcement says. */
  readonly at: number
  /** The announcement as its author signed it; null where only others told of it. */
  readonly signed: SignedHead | null
  /** It was accepted or refused; what was left undecided may come again. */
  readonly decided: boolean
}

export interface SignedHead {
  /** Hex hash of all that the announcement says. */
  readonly digest: string
  /** Of the news that brought it; null where it came over a link. */
  readonly sequence: number | null
}

/** Genomes remembered. The one that was silent longest is forgotten first. */
const MAX_GENOMES = 4096

export function withAnnounced(record: FreshnessRecord, genomeId: string, announced: Announced): FreshnessRecord {
  const next = new Map(record)
  next.delete(genomeId)
  next.set(genomeId, announced)
  if (next.size > MAX_GENOMES) next.delete(next.keys().next().value as string)
  return next
}
