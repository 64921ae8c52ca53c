// A node's log: entries that name the hash of the one before, and a signed head that names the last. It is read and verified
// forward, page by page, from any point that was verified before.

import { equalBytes } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Identity, Verifier } from '../crypto/identity.ts'
import { CentramError } from '../errors.ts'
import { LOG_ENTRY, LOG_HEAD } from '../protocol/messages/proof.ts'
import type { BodyOf } from '../protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '../protocol/signed-object.ts'
import { isRefusal, refuse, type Refusal } from './refusal.ts'
import {
  encodeSubject,
  readSubject,
  readSubjectObject,
  verifySubject,
  type SignedSubject,
  type SubjectKind,
} from './subject.ts'

export type SignedHead = BodyOf<'PROOF_HEAD'>
export type LogHead = ObjectOf<typeof LOG_HEAD>

/** The place behind the last entry that was read. Only bytes and numbers: it can be stored as it is. */
export interface LogPoint {
  readonly author: Uint8Array
  /** Entries before it, and so the sequence of the next one. */
  readonly sequence: number
  /** Hash of the last entry; zeros before the first. */
  readonly previous: Uint8Array
  /** When the last entry was written. */
  readonly at: number
  /** The author went on under another key: nothing follows. */
  readonly closed: boolean
}

/** An entry as it was read. */
export interface LogEntry {
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly author: Uint8Array
  readonly sequence: number
  readonly kind: SubjectKind
  readonly at: number
  readonly subject: SignedSubject
}

/** What stands behind a point that was read. */
export interface LogPage {
  readonly entries: readonly LogEntry[]
  readonly point: LogPoint
}

/** Clocks of honest nodes differ by less. */
const CLOCK_TOLERANCE_MS = 5 * 60_000

export function startOfLog(author: Uint8Array): LogPoint {
  return { author, sequence: 0, previous: new Uint8Array(32), at: 0, closed: false }
}

/**
 * The encoded entry that goes to `point`. It is to be stored durably before anything is signed that names it: a head that
 * outlives its entry makes a fork of whatever is written there next. Throws `BAD_ARGUMENT` for what nobody would take.
 */
export function writeEntry(
  point: LogPoint,
  kind: SubjectKind,
  object: Uint8Array,
  signatures: readonly Uint8Array[],
  now: number,
): Uint8Array {
  const { author, sequence, previous } = point
  const subject = encodeSubject(object, signatures)
  // A clock that was set back does not take the log back in time.
  const entry = encodeObject(LOG_ENTRY, { author, sequence, previous, kind, subject, at: Math.max(now, point.at) })
  const read = readEntry(point, entry)
  if (isRefusal(read)) throw new CentramError('BAD_ARGUMENT', read.message)
  return entry
}

/** Reads the entry that stands at `point`. Whether its subject's signatures hold is for `verifyPage` to say. */
export function readEntry(point: LogPoint, bytes: Uint8Array): { entry: LogEntry; point: LogPoint } | Refusal {
  let read: ObjectOf<typeof LOG_ENTRY>
  try {
    read = readObject(LOG_ENTRY, bytes)
  } catch {
    return refuse('ENTRY_INVALID', 'This is no entry of a log.')
  }
  const { author, sequence, previous, kind, at } = read
  if (!equalBytes(author, point.author)) return refuse('WRONG_AUTHOR', 'An entry is of another log.')
  if (point.closed) return refuse('LOG_CLOSED', 'Its author went on under another key, so nothing may follow here.')
  if (sequence !== point.sequence)
    return refuse('WRONG_PLACE', `Entry ${sequence} stands where ${point.sequence} belongs.`)
  if (!equalBytes(previous, point.previous)) return refuse('CHAIN_BROKEN', `Entry ${sequence} follows another one.`)
  if (at < point.at) return refuse('BACK_IN_TIME', `Entry ${sequence} is older than the one before it.`)
  const subject = readSubject(kind, author, read.subject)
  if (isRefusal(subject)) return subject
  const hash = sha256(bytes)
  const entry: LogEntry = { bytes, hash, author, sequence, kind, at, subject }
  return { entry, point: { author, sequence: sequence + 1, previous: hash, at, closed: closes(entry) } }
}

/**
 * Reads the entries behind `point` and verifies who signed what they record. That their author wrote them is known only once
 * a signed head is reached (`reachesHead`).
 */
export async function verifyPage(
  point: LogPoint,
  entries: readonly Uint8Array[],
  verify: Verifier,
): Promise<LogPage | Refusal> {
  const page: LogEntry[] = []
  let at = point
  for (const bytes of entries) {
    const read = readEntry(at, bytes)
    if (isRefusal(read)) return read
    page.push(read.entry)
    at = read.point
  }
  // The hashes are checked of all entries before the first signature, which costs a hundred times as much.
  for (const { kind, subject } of page) {
    const unsigned = await verifySubject(kind, subject, verify)
    if (unsigned) return unsigned
  }
  return { entries: page, point: at }
}

/** Signs the tip of a log, whose last entry is stored. Throws `BAD_ARGUMENT` for an empty log. */
export async function signHead(point: LogPoint, now: number, identity: Identity): Promise<SignedHead> {
  const { author, sequence, previous } = point
  const head = encodeObject(LOG_HEAD, { author, sequence: sequence - 1, entry: previous, at: Math.max(now, point.at) })
  return { head, signature: await signObject(LOG_HEAD, head, identity) }
}

/** A head that its author signed and that is not of the future. */
export async function verifyHead(signed: SignedHead, now: number, verify: Verifier): Promise<LogHead | Refusal> {
  let head: LogHead
  try {
    head = readObject(LOG_HEAD, signed.head)
  } catch {
    return refuse('HEAD_INVALID', 'This is no head of a log.')
  }
  if (!(await verifyObject(LOG_HEAD, signed.head, head.author, signed.signature, verify))) {
    return refuse('HEAD_UNSIGNED', 'The head of a log is not signed by its author.')
  }
  if (head.at > now + CLOCK_TOLERANCE_MS) return refuse('FROM_THE_FUTURE', 'The head of a log is of the future.')
  return head
}

/** Whether what was read up to `point` is what the author signed with that head. */
export function reachesHead(point: LogPoint, head: LogHead): boolean {
  return (
    equalBytes(point.author, head.author) &&
    point.sequence === head.sequence + 1 &&
    equalBytes(point.previous, head.entry) &&
    point.at <= head.at
  )
}

/** Whether the author says with this entry that it goes on under another key. */
function closes({ kind, author, subject }: LogEntry): boolean {
  if (kind !== 'rotation' || subject.object === null) return false
  return equalBytes(readSubjectObject('rotation', subject.object).from, author)
}
