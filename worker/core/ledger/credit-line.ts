// The credit line between this node and one other, as this node keeps it: what each lets the other owe, what is owed, and the
// transfers that wait for a second signature. Every step takes the line as it was and gives the line as it is then, so a step
// whose record could not be stored never happened. Signatures are verified before, records stored before anything is sent.
//
// A transfer that this node pays: proposed → cosigned | aborted | expired. One that it is paid: cosigned | aborted, at once.
// What the other owes grows by this node's own signature alone, and never beyond what it granted.

import { equalBytes } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { CREDIT_GRANT, TRANSFER, type TRANSFER_ABORT } from '../protocol/messages/ledger.ts'
import { encodeObject, readObject, type ObjectOf } from '../protocol/signed-object.ts'
import type { LogPoint } from './log.ts'
import { refuse, type LedgerCode, type Refusal } from './refusal.ts'

export type CreditGrant = ObjectOf<typeof CREDIT_GRANT>
type Transfer = ObjectOf<typeof TRANSFER>

/** Only bytes, numbers and text: it can be stored as it is. */
export interface CreditLine {
  readonly self: Uint8Array
  readonly peer: Uint8Array
  /** The newest grant of this node to the other, and of the other to this one. */
  readonly granted: CreditGrant | null
  readonly received: CreditGrant | null
  /** What the other owes; negative where this node owes. Of transfers that are settled. */
  readonly balance: number
  /** Of the next transfer from this node, and of the next that it takes from the other. */
  readonly nextSequence: number
  readonly expectedSequence: number
  /** What this node proposed and nothing is known of yet. It may count any time. */
  readonly open: readonly OpenTransfer[]
  /** The latest decisions on transfers of the other, which may ask again. */
  readonly decided: readonly DecidedTransfer[]
}

export interface OpenTransfer {
  /** SHA-256 of the encoding. */
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}

export interface DecidedTransfer {
  readonly hash: Uint8Array
  /** Null for a transfer that was signed. */
  readonly refusedFor: LedgerCode | null
}

export interface Order {
  /** 16 random bytes. */
  readonly id: Uint8Array
  readonly amount: number
  readonly purpose: Transfer['purpose']
  readonly reference: Uint8Array | null
}

/** What this node does about a transfer of the other: sign it, or sign that it never will. */
export interface Decision {
  readonly outcome: 'cosign' | 'abort'
  /** Why it is aborted. */
  readonly refusal: Refusal | null
  readonly line: CreditLine
  readonly hash: Uint8Array
  /** Whether this was decided before: nothing is to be recorded again, the same signature goes out. */
  readonly again: boolean
}

const MAX_OPEN = 32
const MAX_DECIDED = 64

export function openCreditLine(self: Uint8Array, peer: Uint8Array): CreditLine {
  const nothing = { granted: null, received: null, balance: 0, nextSequence: 0, expectedSequence: 0 }
  return { self, peer, ...nothing, open: [], decided: [] }
}

/** With a verified grant of either to the other. The same one may come again; a lower or contradicting version counts for nothing. */
export function takeGrant(line: CreditLine, grant: CreditGrant): CreditLine | Refusal {
  const isOwn = equalBytes(grant.creditor, line.self) && equalBytes(grant.debtor, line.peer)
  const isTheirs = equalBytes(grant.creditor, line.peer) && equalBytes(grant.debtor, line.self)
  if (!isOwn && !isTheirs) return refuse('WRONG_PARTY', 'A grant is between other nodes.')
  const before = isOwn ? line.granted : line.received
  if (before !== null && grant.version <= before.version) {
    const isSame = equalBytes(encodeObject(CREDIT_GRANT, before), encodeObject(CREDIT_GRANT, grant))
    return isSame ? line : refuse('OLD_VERSION', `Version ${before.version} of that grant is known already.`)
  }
  return isOwn ? { ...line, granted: grant } : { ...line, received: grant }
}

/** The most that the debtor of a grant may owe by it. */
export function limitOf(grant: CreditGrant | null, now: number): number {
  return grant === null || (grant.expiresAt !== null && now >= grant.expiresAt) ? 0 : grant.limit
}

/** What this node can still pay: what it is owed and granted, less what it proposed. */
export function spendable(line: CreditLine, now: number): number {
  return Math.max(0, limitOf(line.received, now) + line.balance - reserved(line))
}

/** The transfer to sign, store and send. The line is stored first: a sequence is never used twice. */
export function proposeTransfer(
  line: CreditLine,
  order: Order,
  now: number,
  lifetimeMs: number,
): { line: CreditLine; transfer: Uint8Array } | Refusal {
  if (line.open.length >= MAX_OPEN) return refuse('TOO_MANY_OPEN', 'Too many transfers wait for the other node.')
  if (order.amount > spendable(line, now)) return refuse('OVER_LIMIT', 'The other node does not lend that much.')
  const { reference } = order
  if (
    reference !== null &&
    openTransfers(line).some((one) => one.reference !== null && equalBytes(one.reference, reference))
  ) {
    return refuse('ALREADY_PAID', 'A transfer for that is under way.')
  }
  const { self: payer, peer: payee, nextSequence: sequence } = line
  const bytes = encodeObject(TRANSFER, { ...order, payer, payee, sequence, at: now, expiresAt: now + lifetimeMs })
  const open = [...line.open, { hash: sha256(bytes), bytes }]
  return { line: { ...line, nextSequence: sequence + 1, open }, transfer: bytes }
}

/**
 * Decides on a transfer that the other proposed and signed. `now` is the time that its entry in this node's log would bear.
 * Refused without a decision is what is none of this line.
 */
export function decideTransfer(line: CreditLine, bytes: Uint8Array, now: number): Decision | Refusal {
  let transfer: Transfer
  try {
    transfer = readObject(TRANSFER, bytes)
  } catch {
    return refuse('TRANSFER_INVALID', 'This is no transfer.')
  }
  if (!equalBytes(transfer.payer, line.peer) || !equalBytes(transfer.payee, line.self)) {
    return refuse('WRONG_PARTY', 'A transfer is between other nodes.')
  }
  const hash = sha256(bytes)
  const before = line.decided.find((one) => equalBytes(one.hash, hash))
  if (before) {
    const refusal = before.refusedFor && refuse(before.refusedFor, 'This transfer was refused before.')
    return { outcome: refusal ? 'abort' : 'cosign', refusal, line, hash, again: true }
  }
  if (transfer.sequence < line.expectedSequence) {
    // No abort: it may be a transfer that this node signed long ago, and whose signature counts.
    return refuse('SEQUENCE_USED', `Transfer ${transfer.sequence} of the other node was decided before.`)
  }
  const refusal = refusalOf(line, transfer, now)
  const decided = [...line.decided, { hash, refusedFor: refusal && refusal.code }].slice(-MAX_DECIDED)
  const next = { ...line, decided, expectedSequence: transfer.sequence + 1 }
  return refusal
    ? { outcome: 'abort', refusal, line: next, hash, again: false }
    : { outcome: 'cosign', refusal, line: { ...next, balance: line.balance + transfer.amount }, hash, again: false }
}

/** With a proposal of this node that the other signed: the entry in its log goes with it. */
export function settleTransfer(
  line: CreditLine,
  hash: Uint8Array,
): { line: CreditLine; transfer: Uint8Array } | Refusal {
  const found = line.open.find((one) => equalBytes(one.hash, hash))
  if (!found) return refuse('TRANSFER_UNKNOWN', 'No transfer of that hash waits for a signature.')
  const { amount } = readObject(TRANSFER, found.bytes)
  return { line: { ...without(line, hash), balance: line.balance - amount }, transfer: found.bytes }
}

/**
 * With a proposal of this node that the other signed to refuse. The abort goes into this node's log before anything is done
 * that relies on it: from then on a signature of the other under that transfer does not count.
 */
export function abortTransfer(
  line: CreditLine,
  abort: ObjectOf<typeof TRANSFER_ABORT>,
): { line: CreditLine; transfer: Uint8Array } | Refusal {
  const found = line.open.find((one) => equalBytes(one.hash, abort.transfer))
  if (!found) return refuse('TRANSFER_UNKNOWN', 'No transfer of that hash waits for a signature.')
  const { payer, payee } = readObject(TRANSFER, found.bytes)
  if (!equalBytes(abort.payer, payer) || !equalBytes(abort.payee, payee)) {
    return refuse('WRONG_PARTY', 'An abort is not by the payee of its transfer.')
  }
  return { line: without(line, abort.transfer), transfer: found.bytes }
}

/**
 * Without the proposals that can no longer count: the other's log has an entry of a time when they had expired, or is closed,
 * and does not have them in time. That a clock says so is not enough: the signature may have been given and be under way.
 */
export function expireTransfers(
  line: CreditLine,
  peerLog: Pick<LogPoint, 'author' | 'at' | 'closed'>,
  standsInTime: (hash: Uint8Array) => boolean,
): { line: CreditLine; expired: readonly Uint8Array[] } {
  const expired = line.open.filter(({ hash, bytes }) => {
    const { payee, expiresAt } = readObject(TRANSFER, bytes)
    const isOver = peerLog.closed || peerLog.at >= expiresAt
    return equalBytes(payee, peerLog.author) && isOver && !standsInTime(hash)
  })
  const open = line.open.filter((one) => !expired.includes(one))
  return { line: { ...line, open }, expired: expired.map(({ hash }) => hash) }
}

/**
 * The line under the keys by which both go now. What is owed stays; sequences count from key to key and begin anew. What an
 * old key proposed and nobody answered yet stays open: it counts where the other's log has it in time.
 */
export function renewKeys(line: CreditLine, self: Uint8Array, peer: Uint8Array): CreditLine {
  if (equalBytes(self, line.self) && equalBytes(peer, line.peer)) return line
  return { ...line, self, peer, nextSequence: 0, expectedSequence: 0, decided: [] }
}

function refusalOf(line: CreditLine, transfer: Transfer, now: number): Refusal | null {
  if (now >= transfer.expiresAt) return refuse('EXPIRED', 'The transfer expired before it came.')
  const owed = line.balance + transfer.amount
  // What this node proposed is not taken off: the other may never sign it. Paying back needs no credit.
  if (owed <= 0 || owed <= limitOf(line.granted, now)) return null
  return refuse('OVER_LIMIT', 'More would be owed than was granted.')
}

const openTransfers = (line: CreditLine): readonly Transfer[] =>
  line.open.map(({ bytes }) => readObject(TRANSFER, bytes))

const reserved = (line: CreditLine): number => openTransfers(line).reduce((sum, { amount }) => sum + amount, 0)

const without = (line: CreditLine, hash: Uint8Array): CreditLine => ({
  ...line,
  open: line.open.filter((one) => !equalBytes(one.hash, hash)),
})
