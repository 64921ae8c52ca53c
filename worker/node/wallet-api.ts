// What the wallet shows beside balances: why each entry came about, what genomes earn for their lineage, and requests to be
// paid. Types only; the rules of api.ts hold.

/** What a page of the history is narrowed down to. */
export type HistoryFilter = 'all' | 'payments' | 'work' | 'credit' | 'other'

export interface HistoryPage {
  /** The newest first. */
  readonly entries: readonly LedgerEntryState[]
  /** Of all pages. */
  readonly total: number
}

/** An entry of this node's log, or of another's that grants this node something. */
export interface LedgerEntryState {
  /** SHA-256, hex. */
  readonly id: string
  readonly sequence: number
  readonly kind: string
  readonly at: number
  /** The other node, where there is one. */
  readonly with: string | null
  /** What this node gained by it; negative for what it paid; null where no money is meant. */
  readonly amount: number | null
  readonly reason: EntryReason
  /** The entry on the same matter in the log of the other node, to which a person may object; null where it has none here. */
  readonly theirs: string | null
}

export interface NamedGenome {
  readonly id: string
  /** Null where its manifest is not here. */
  readonly name: string | null
}

/** What was worked for whom. */
export interface WorkReason {
  readonly work: 'answer' | 'merge'
  /** Whether this node did it, or had it done. */
  readonly byThis: boolean
  /** Title of the model; null for one that this node does not list. */
  readonly model: string | null
  readonly promptTokens: number
  readonly tokens: number
  readonly genomes: readonly NamedGenome[]
  readonly price: number
}

export type EntryReason =
  /** This node grants, or is granted; `before` is what was granted until then. */
  | { readonly type: 'grant'; readonly byThis: boolean; readonly limit: number; readonly before: number }
  /** A payment for work, as its receipt says; null where the receipt is not here any more. */
  | { readonly type: 'work-paid'; readonly work: 'answer' | 'merge'; readonly receipt: WorkReason | null }
  /** A share of what a genome earned; null where the statement is not here any more. */
  | {
      readonly type: 'royalty-paid'
      readonly statement: {
        readonly from: number
        readonly to: number
        readonly genomes: readonly NamedGenome[]
      } | null
    }
  /** A payment that was asked for; the note is null where the request is not here. */
  | { readonly type: 'request-paid'; readonly note: string | null }
  | { readonly type: 'gift' }
  | { readonly type: 'work'; readonly receipt: WorkReason }
  /** The payee of a payment signed that it never will sign it. */
  | { readonly type: 'refused'; readonly code: string }
  | {
      readonly type: 'terms'
      readonly genome: NamedGenome
      readonly sharePpm: number
      readonly decayPpm: number
      readonly depth: number
    }
  /** The shares of a period were worked out. */
  | { readonly type: 'statement'; readonly total: number | null; readonly genomes: readonly NamedGenome[] }
  | { readonly type: 'key' }
  | { readonly type: 'dispute'; readonly code: string; readonly message: string }

/** A genome that was used by somebody, and how what it earned goes to its lineage. In whole CEN. */
export interface RoyaltyTree {
  readonly genome: NamedGenome
  /** Public key of the node that earned with it and pays the shares. */
  readonly payer: string
  readonly byThis: boolean
  /** What went to the lineage in periods that are closed, and what of it is still to be paid. */
  readonly settled: number
  readonly waiting: number
  /** What will, of the period that runs; 0 where another node pays. */
  readonly running: number
  readonly sharePpm: number
  readonly decayPpm: number
  readonly depth: number
  /** The genome itself first, then generation by generation. */
  readonly members: readonly RoyaltyMember[]
}

export interface RoyaltyMember {
  readonly genome: NamedGenome
  readonly generation: number
  /** Ids of the members whose parent it is. */
  readonly children: readonly string[]
  /** Public key; null where the manifest is not here: its share waits for it. */
  readonly author: string | null
  /** Made by this node. */
  readonly mine: boolean
  readonly settled: number
  readonly waiting: number
  readonly running: number
}

/** A request to be paid that this node made. */
export interface RequestState {
  /** Its hash, hex. */
  readonly id: string
  /** What a link carries as `?pay=`. */
  readonly text: string
  /** Null leaves it to who pays. */
  readonly amount: number | null
  readonly note: string
  readonly at: number
  readonly payments: readonly { readonly by: string; readonly amount: number; readonly at: number }[]
}

export interface WalletApi {
  /** Entries `from` to `from + count` of those that concern this node, the newest first; at most 200 at once. */
  readHistory(filter: HistoryFilter, from: number, count: number): Promise<HistoryPage>
  /** Genomes that earned something here, or something for this node, those that earned most first. */
  readRoyalties(): Promise<readonly RoyaltyTree[]>
  /** A request to be paid, as text for a link; null leaves the amount to who pays. The latest 100 are kept. */
  requestPayment(amount: number | null, note: string): Promise<string>
  /** Takes a request off the list; whoever has its link can still pay it. */
  forgetRequest(id: string): Promise<void>
  /**
   * Pays what a request, or a link with one in it, asks for; `amount` counts where it names none. Rejects as `pay` does, and with
   * `PAYMENT_REFUSED` for one that was paid from here already.
   */
  payRequest(request: string, amount: number): Promise<void>
}
