// People with keys and logs: what the ledger's tests write and read.

import { sha256 } from '#core/crypto/hash.ts'
import { createVerifier, type Identity } from '#core/crypto/identity.ts'
import {
  readEntry,
  signHead,
  startOfLog,
  writeEntry,
  type LogEntry,
  type LogPoint,
  type SignedHead,
} from '#core/ledger/log.ts'
import { isRefusal, type Refusal } from '#core/ledger/refusal.ts'
import type { SubjectKind } from '#core/ledger/subject.ts'
import { TRANSFER, TRANSFER_ABORT, type CREDIT_GRANT } from '#core/protocol/messages/ledger.ts'
import { encodeObject, signObject, type ObjectDefinition, type ObjectOf } from '#core/protocol/signed-object.ts'
import { importIdentity } from '../protocol/frame-tools.ts'

export const AT = 1_790_000_000_000
export const verify = await createVerifier(globalThis.crypto.subtle)

/** A node with a log. */
export interface Person {
  readonly identity: Identity
  readonly key: Uint8Array
  readonly log: { point: LogPoint; entries: LogEntry[] }
  /** Writes down an object with its signatures; returns the entry. */
  write(kind: SubjectKind, object: Uint8Array, signatures: readonly Uint8Array[], at?: number): LogEntry
  head(at?: number): Promise<SignedHead>
  sign(definition: ObjectDefinition, object: Uint8Array): Promise<Uint8Array>
}

export async function createPerson(seed: number): Promise<Person> {
  return personOf(await importIdentity(new Uint8Array(32).fill(seed)))
}

/** The same key with a log as it was up to an entry: what a second device, a copy of the storage or a cheat would have. */
export function copyOf(person: Person, entries = person.log.entries.length): Person {
  const copy = personOf(person.identity)
  for (const { bytes } of person.log.entries.slice(0, entries)) append(copy.log, bytes)
  return copy
}

export function personOf(identity: Identity): Person {
  const log: Person['log'] = { point: startOfLog(identity.publicKey), entries: [] }
  return {
    identity,
    key: identity.publicKey,
    log,
    write: (kind, object, signatures, at = AT) => append(log, writeEntry(log.point, kind, object, signatures, at)),
    head: (at = AT) => signHead(log.point, at, identity),
    sign: (definition, object) => signObject(definition, object, identity),
  }
}

function append(log: Person['log'], bytes: Uint8Array): LogEntry {
  const { entry, point } = accepted(readEntry(log.point, bytes))
  log.entries.push(entry)
  log.point = point
  return entry
}

/** The code of a refusal; `accepted` for anything else. */
export const codeOf = (result: object | null): string =>
  result !== null && isRefusal(result) ? result.code : 'accepted'

export function accepted<T extends object>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`${result.code}: ${result.message}`)
  return result
}

export const grant = (
  creditor: Uint8Array,
  debtor: Uint8Array,
  limit: number,
  changes: Partial<ObjectOf<typeof CREDIT_GRANT>> = {},
): ObjectOf<typeof CREDIT_GRANT> => ({ creditor, debtor, limit, version: 1, expiresAt: null, at: AT, ...changes })

export function transfer(
  payer: Uint8Array,
  payee: Uint8Array,
  amount: number,
  sequence: number,
  changes: Partial<ObjectOf<typeof TRANSFER>> = {},
): Uint8Array {
  const id = sha256(payer, payee, Uint8Array.of(sequence & 255)).slice(0, 16)
  const usual = { id, purpose: 'gift', reference: null, at: AT, expiresAt: AT + 60_000 } as const
  return encodeObject(TRANSFER, { ...usual, payer, payee, amount, sequence, ...changes })
}

export async function bothSign(payer: Person, payee: Person, bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  return Promise.all([payer.sign(TRANSFER, bytes), payee.sign(TRANSFER, bytes)])
}

/** Writes a transfer that both signed into the logs given. */
export async function pay(
  payer: Person,
  payee: Person,
  bytes: Uint8Array,
  logs = [payer, payee],
  at = AT,
): Promise<void> {
  const signatures = await bothSign(payer, payee, bytes)
  for (const person of logs) person.write('transfer', bytes, signatures, at)
}

export async function writeAbort(payer: Person, payee: Person, bytes: Uint8Array, log: Person): Promise<void> {
  const names = { transfer: sha256(bytes), payer: payer.key, payee: payee.key }
  const abort = encodeObject(TRANSFER_ABORT, { ...names, code: 'OVER_LIMIT', at: AT })
  log.write('abort', abort, [await payee.sign(TRANSFER_ABORT, abort)])
}
