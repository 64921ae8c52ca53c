// What a person sees of the ledger and can do with it: credit lines, payments, the logs and who forked.

import type { LedgerEntryState, RequestState, WalletApi } from './wallet-api.ts'

/** Between this node and one other. All in whole CEN. */
export interface CreditLineState {
  /** Public key, hex. */
  readonly peer: string
  /** The most that the other may owe this node, and this node the other. */
  readonly granted: number
  readonly received: number
  /** What the other owes; negative where this node owes. */
  readonly balance: number
  /** What this node can pay it now. */
  readonly spendable: number
  /** Payments that the other has not signed yet. */
  readonly open: number
  /** The other signed two logs: nothing more goes between them. */
  readonly frozen: boolean
}

export interface LogState {
  readonly author: string
  readonly entries: number
  /** Hash of the last one, hex; null for an empty log. */
  readonly tip: string | null
  readonly frozen: boolean
}

export interface LedgerState {
  /** What others owe this node, less what it owes. */
  readonly balance: number
  readonly lines: readonly CreditLineState[]
  /** The latest of those that concern this node, the newest first. */
  readonly entries: readonly LedgerEntryState[]
  /** Of everyone whose log is here, this node's own first. */
  readonly logs: readonly LogState[]
  /** Nodes that countersigned this node's newest head. */
  readonly witnesses: number
  /** Who signed two logs, with where they part. */
  readonly forks: readonly { readonly author: string; readonly sequence: number }[]
  /** Entries of this node's own log that were lost here; others have them, and until they are back it cannot grow. */
  readonly missing: number
  readonly prices: AnswerPrices
  /** Objections that came to this node's ears, its own among them; the latest last. */
  readonly disputes: readonly DisputeState[]
  /** Requests to be paid that this node made, the newest first. */
  readonly requests: readonly RequestState[]
  /** When this key was backed up last, on this device; null if it was not. */
  readonly backedUpAt: number | null
}

/** “This does not add up.” */
export interface DisputeState {
  readonly claimant: string
  readonly against: string
  /** SHA-256 of what it is about, hex. */
  readonly subject: string
  readonly code: string
  readonly message: string
  readonly at: number
}

/** In CEN. */
export interface AnswerPrices {
  /** What this node asks for 1,000 tokens of an answer: of the prompt and of what it says. 0 gives it away. */
  readonly prompt: number
  readonly answer: number
  /** And for a merge that it carries out for another. */
  readonly merge: number
  /** The most that this node pays for one answer or merge of another. */
  readonly cap: number
}

export interface LedgerApi extends WalletApi {
  /** Lets a node owe this one up to `limit`: the most that can be lost to it. 0 closes the line. */
  grantCredit(peer: string, limit: number): Promise<void>
  /** Pays a node, by what it lends or owes. Rejects with `PAYMENT_REFUSED`, or `TIMEOUT` where it may still be signed. */
  pay(peer: string, amount: number): Promise<void>
  /** From the next answer on. */
  setPrices(prices: AnswerPrices): Promise<void>
  /** Tells everyone that an entry of another node's log is not right, with that entry as evidence. */
  objectTo(entryId: string, message: string): Promise<void>
  /** What of the earnings with a genome of this node's own goes to its lineage: parts of a million, and generations. */
  setRoyaltyTerms(
    genomeId: string,
    terms: { readonly sharePpm: number; readonly decayPpm: number; readonly depth: number },
  ): Promise<void>
  /** Passes on what is due of what was earned since the last time, which happens by itself once a day; returns how much. */
  settleRoyalties(): Promise<number>
  /**
   * A file that brings this node back on another device, should this one be lost; of no use without the passphrase, and void
   * once the key of this node was changed another way.
   */
  backUpKey(passphrase: string): Promise<Uint8Array>
  /** Becomes the node of a backup, which the next start of the page is; its log and lines come back from others. */
  restoreKey(backup: Uint8Array, passphrase: string): Promise<void>
}
