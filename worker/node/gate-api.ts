// What a page may ask of a node about what came from others: arrivals, their verdicts, and the rules a person sets. Types
// only; the rules of api.ts hold.

export interface GateApi {
  /** A person decides: the genome may be used and merged here, whatever the gate said of it. */
  allowGenome(genomeId: string): Promise<void>
  /** Back into quarantine: it is switched off, and given to nobody. */
  holdGenome(genomeId: string): Promise<void>
  /** Judges it once more, by what this node knows now. */
  judgeGenome(genomeId: string): Promise<void>
  /** Asks the linked nodes what their gates said; `Arrival.others` shows what they answer. */
  askForVerdicts(genomeId: string): Promise<void>
  /** Asks a judge to look again where its verdict differs from this node's; throws `BAD_ARGUMENT` where it does not. */
  disputeVerdict(genomeId: string, judge: string): Promise<void>
  setGateRules(rules: GateSettings): Promise<void>
}

export interface GateState {
  /** What came from others, the latest first; what was removed is not among them. */
  readonly arrivals: readonly ArrivalState[]
  readonly gateRules: GateSettings
}

/** What happens without a person. */
export interface GateSettings {
  /** What becomes of a genome that no layer refused: it waits, or it may be used at once. */
  readonly accept: 'ask' | 'unrefused'
  /** Fingerprints of the models whose genomes are fetched and judged as soon as somebody announces them. */
  readonly fetchFor: readonly string[]
}

export interface ArrivalState {
  readonly id: string
  /** Fetched from the room, or merged here and found to be worse. */
  readonly kind: 'fetched' | 'merged'
  readonly name: string
  readonly author: string
  /** Null for this node. */
  readonly authorName: string | null
  readonly baseHash: string
  readonly baseName: string
  readonly bytes: number
  readonly at: number
  readonly judging: boolean
  /** Whether its files are here: what is no genome is not kept. */
  readonly hasFiles: boolean
  readonly use: 'held' | 'allowed'
  readonly decidedBy: 'person' | 'rule' | null
  /** What else is to be said of it, in words: its author took it back, or states two things; a merge made the model worse. */
  readonly warnings: readonly string[]
  /** Of this node's gate; null while it judges. */
  readonly judgement: JudgementState | null
  /** Of other nodes' gates, the latest first. */
  readonly others: readonly OtherVerdict[]
  /** Genomes that it is said to come from without naming them. */
  readonly disputes: readonly LineageDispute[]
}

export interface JudgementState {
  /** No layer refused it. */
  readonly accepted: boolean
  readonly at: number
  /** Ten, in their order. */
  readonly layers: readonly LayerState[]
}

export interface LayerState {
  readonly layer: string
  readonly outcome: 'passed' | 'refused' | 'not-run'
  readonly code: string
  /** In words. */
  readonly message: string
  /** Milliseconds it took. */
  readonly ms: number
}

export interface OtherVerdict {
  readonly judge: string
  readonly judgeName: string
  readonly accepted: boolean
  /** The layer that refused, if one did, and its code. */
  readonly refusedBy: string | null
  readonly code: string
  /** Layers that passed. */
  readonly passed: number
  readonly at: number
  /** The first layer of which this node's gate says something else; null where there is none. */
  readonly differsAt: string | null
  /** Who says that it is wrong, and of which layer. */
  readonly challenges: readonly VerdictChallenge[]
}

export interface VerdictChallenge {
  /** Null for this node. */
  readonly challengerName: string | null
  readonly layer: string
  readonly code: string
  /** What the judge answered; null while it has not. */
  readonly reply: 'stands' | 'replaced' | 'not-reproduced' | null
}

export interface LineageDispute {
  readonly parent: string
  readonly claimant: string
  /** Null for this node. */
  readonly claimantName: string | null
  readonly cosine: number
  /** Whether this node found the same; null where it does not have both. */
  readonly confirmed: boolean | null
}
