// What entries of a log record, and the one way in which an object stands there with its signatures: deterministic CBOR of
// the object's hash, its bytes and the signatures, in the order that its kind prescribes.

import { z } from 'zod/mini'
import { equalBytes } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Verifier } from '../crypto/identity.ts'
import { byteString, hash, list, signature } from '../protocol/fields.ts'
import { USAGE_RECEIPT } from '../protocol/messages/infer.ts'
import {
  CREDIT_GRANT,
  LEDGER_DISPUTE,
  ROYALTY_STATEMENT,
  ROYALTY_TERMS,
  TRANSFER,
  TRANSFER_ABORT,
} from '../protocol/messages/ledger.ts'
import { MAX_SUBJECT } from '../protocol/messages/proof.ts'
import { KEY_ROTATION } from '../protocol/messages/session.ts'
import {
  defineObject,
  encodeObject,
  readObject,
  verifyObject,
  type ObjectDefinition,
  type ObjectOf,
} from '../protocol/signed-object.ts'
import { refuse, type Refusal } from './refusal.ts'

/** Objects above that stand in an entry by their hash alone. */
const MAX_EMBEDDED = 1536
/** Only these get so large; nothing else may be left out. */
const MAY_BE_LARGE: readonly SubjectKind[] = ['royalty', 'dispute']

const LOG_SUBJECT = defineObject({
  name: 'log subject',
  schema: z.strictObject({
    /** SHA-256 of the encoded object. */
    hash,
    object: z.nullable(byteString(MAX_EMBEDDED)),
    signatures: list(signature, 2),
  }),
  maxBytes: MAX_SUBJECT,
})

const OBJECTS = {
  grant: CREDIT_GRANT,
  transfer: TRANSFER,
  abort: TRANSFER_ABORT,
  receipt: USAGE_RECEIPT,
  'royalty-terms': ROYALTY_TERMS,
  royalty: ROYALTY_STATEMENT,
  rotation: KEY_ROTATION,
  dispute: LEDGER_DISPUTE,
} as const

export type SubjectKind = keyof typeof OBJECTS
export type SubjectObject<Kind extends SubjectKind> = ObjectOf<(typeof OBJECTS)[Kind]>

/** An object with its signatures, as an entry records it. */
export interface SignedSubject {
  readonly hash: Uint8Array
  /** Encoded; null where it is too large for an entry. */
  readonly object: Uint8Array | null
  readonly signatures: readonly Uint8Array[]
}

/** Whose signatures an object of that kind bears, in their order. */
const SIGNERS: { readonly [Kind in SubjectKind]: (object: SubjectObject<Kind>) => readonly Uint8Array[] } = {
  grant: ({ creditor }) => [creditor],
  transfer: ({ payer, payee }) => [payer, payee],
  abort: ({ payee }) => [payee],
  receipt: ({ server, asker }) => [server, asker],
  'royalty-terms': ({ author }) => [author],
  royalty: ({ payer }) => [payer],
  rotation: ({ from, to }) => [from, to],
  dispute: ({ claimant }) => [claimant],
}

/** Throws `FRAME_INVALID` for bytes that are no object of that kind. */
export function readSubjectObject<Kind extends SubjectKind>(kind: Kind, bytes: Uint8Array): SubjectObject<Kind> {
  return readObject(OBJECTS[kind] as ObjectDefinition, bytes) as SubjectObject<Kind>
}

/** The field `subject` of an entry. Throws `BAD_ARGUMENT` when the number of signatures is not the kind's. */
export function encodeSubject(object: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array {
  const subject = {
    hash: sha256(object),
    object: object.length > MAX_EMBEDDED ? null : object,
    signatures: [...signatures],
  }
  return encodeObject(LOG_SUBJECT, subject)
}

/** What the subject of an entry by `author` is; refused unless that node is a party to it. Verifies no signature. */
export function readSubject(kind: SubjectKind, author: Uint8Array, bytes: Uint8Array): SignedSubject | Refusal {
  try {
    const subject = readObject(LOG_SUBJECT, bytes)
    const { object, hash, signatures } = subject
    if (object === null) {
      if (MAY_BE_LARGE.includes(kind) && signatures.length === 1) return subject
    } else if (equalBytes(sha256(object), hash) && signatures.length === signersOf(kind, object).length) {
      if (partiesOf(kind, object).some((key) => equalBytes(key, author))) return subject
      return refuse('NOT_A_PARTY', `An entry records a ${OBJECTS[kind].name} of other nodes.`)
    }
  } catch {
    // The refusal below says it.
  }
  return refuse('SUBJECT_INVALID', `An entry does not hold what its kind, ${kind}, prescribes.`)
}

/** Refused unless everyone signed whom the kind prescribes. Of an object that is not shown only the log's author speaks. */
export async function verifySubject(
  kind: SubjectKind,
  subject: SignedSubject,
  verify: Verifier,
): Promise<Refusal | null> {
  const { object, signatures } = subject
  if (object === null) return null
  const definition: ObjectDefinition = OBJECTS[kind]
  const keys = signersOf(kind, object)
  const verified = await Promise.all(
    keys.map((key, i) => verifyObject(definition, object, key, signatures[i] ?? new Uint8Array(0), verify)),
  )
  return verified.every(Boolean) ? null : refuse('SUBJECT_UNSIGNED', `A ${definition.name} lacks a signature.`)
}

/** Whose logs may record it: an abort is signed by the payee alone, and written down by the payer too. */
function partiesOf(kind: SubjectKind, object: Uint8Array): readonly Uint8Array[] {
  const signers = signersOf(kind, object)
  return kind === 'abort' ? [...signers, readSubjectObject('abort', object).payer] : signers
}

function signersOf(kind: SubjectKind, object: Uint8Array): readonly Uint8Array[] {
  const signers = SIGNERS[kind] as (object: unknown) => readonly Uint8Array[]
  return signers(readSubjectObject(kind, object))
}
