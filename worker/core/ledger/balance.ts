// What two nodes owe each other: a pure function of the transfers that stand in their logs, signed by both. Whoever holds the
// two logs computes the same, in whatever order they came.

import { compareBytes, toHex } from '../crypto/bytes.ts'
import type { LogEntry } from './log.ts'
import { readSubjectObject, type SubjectObject } from './subject.ts'

export type Transfer = SubjectObject<'transfer'>

/** One side of a balance. */
export interface Party {
  /** Of its identity, in hex (`keysOf`). */
  readonly keys: readonly string[]
  /** Those that count (`countedEntries`), verified, of the logs of all its keys, each log in its order. */
  readonly entries: readonly LogEntry[]
}

/** A transfer that counts. */
export interface CountedTransfer {
  readonly hash: Uint8Array
  readonly transfer: Transfer
}

/** What `debtor` owes `creditor`; negative where it is the other way round. */
export function balanceBetween(creditor: Party, debtor: Party): bigint {
  return sum(countedTransfers(debtor, creditor)) - sum(countedTransfers(creditor, debtor))
}

/**
 * The payments from one to the other that count, in the order of their hashes. The payer's log decides first: a transfer that
 * stands there counts, and one whose abort stands there before it does not. What the payer's log does not mention counts
 * where the payee wrote it down before it expired. Of several with one sequence from key to key, which takes two cheats, the
 * one with the lowest hash counts.
 */
export function countedTransfers(payer: Party, payee: Party): readonly CountedTransfer[] {
  const paid = notesOf(payer.entries)
  const received = notesOf(payee.entries)
  const counted: CountedTransfer[] = []
  for (const [name, note] of new Map([...received, ...paid])) {
    if (note.kind === 'abort' || (!paid.has(name) && note.at >= note.transfer.expiresAt)) continue
    const { transfer, hash } = note
    if (payer.keys.includes(toHex(transfer.payer)) && payee.keys.includes(toHex(transfer.payee))) {
      counted.push({ transfer, hash })
    }
  }
  counted.sort((a, b) => compareBytes(a.hash, b.hash))
  const places = new Set<string>()
  return counted.filter(({ transfer: { payer: from, payee: to, sequence } }) => {
    const place = `${toHex(from)}/${toHex(to)}/${sequence}`
    return !places.has(place) && places.add(place)
  })
}

/** What a log says of a transfer: the first that it says. */
type Note =
  | { readonly kind: 'transfer'; readonly hash: Uint8Array; readonly transfer: Transfer; readonly at: number }
  | { readonly kind: 'abort' }

/** By the transfer's hash and its two parties: an abort that names another payee is about another transfer. */
function notesOf(entries: readonly LogEntry[]): ReadonlyMap<string, Note> {
  const notes = new Map<string, Note>()
  const add = (hash: Uint8Array, { payer, payee }: { payer: Uint8Array; payee: Uint8Array }, note: Note) => {
    const name = [hash, payer, payee].map(toHex).join()
    if (!notes.has(name)) notes.set(name, note)
  }
  for (const { kind, at, subject } of entries) {
    const { hash, object } = subject
    if (object === null) continue
    if (kind === 'abort') {
      const abort = readSubjectObject('abort', object)
      add(abort.transfer, abort, { kind })
    } else if (kind === 'transfer') {
      const transfer = readSubjectObject('transfer', object)
      add(hash, transfer, { kind, hash, transfer, at })
    }
  }
  return notes
}

function sum(transfers: readonly CountedTransfer[]): bigint {
  return transfers.reduce((total, { transfer }) => total + BigInt(transfer.amount), 0n)
}
