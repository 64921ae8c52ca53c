// Family 11, proof: every node's signed, hash-linked log, how two nodes come to hold the same of them, and how one that
// tells two stories is found out.

import { z } from 'zod/mini'
import { equalBytes } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import {
  bytes,
  byteString,
  count,
  errorCodeField,
  hash,
  id16,
  integer,
  list,
  nodeKey,
  signature,
  timestamp,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField, readObject } from '../signed-object.ts'

const MAX_RECON_FRAME = 64 * 1024
/** Encoded object and its signatures inside a log entry. */
export const MAX_SUBJECT = 2048
/** Entries that lead from the place of one head of a fork to the other. */
export const MAX_FORK_PATH = 64

/** One entry of a node's log. Its hash is the SHA-256 of its encoding; the next entry names it. */
export const LOG_ENTRY = defineObject({
  name: 'log entry',
  schema: z.strictObject({
    author: nodeKey,
    /** From 0, without gaps. */
    sequence: count,
    /** Hash of the entry before; zeros before the first. */
    previous: hash,
    kind: z.enum(['grant', 'transfer', 'abort', 'receipt', 'royalty-terms', 'royalty', 'rotation', 'dispute']),
    /** What it records: the encoded object with its signatures or, where that is larger, its hash (`core/ledger/subject.ts`). */
    subject: byteString(MAX_SUBJECT),
    /** Never earlier than the entry before. */
    at: timestamp,
  }),
  maxBytes: MAX_SUBJECT + 256,
})

/** The tip of a log: signing it signs all entries before. */
export const LOG_HEAD = defineObject({
  name: 'log head',
  schema: z.strictObject({ author: nodeKey, sequence: count, entry: hash, at: timestamp }),
  maxBytes: 160,
})

/** “I saw this head, and no other one at its place.” */
export const WITNESSED_HEAD = defineObject({
  name: 'witnessed head',
  schema: z.strictObject({ witness: nodeKey, author: nodeKey, sequence: count, entry: hash, at: timestamp }),
  maxBytes: 224,
})

const SIGNED_HEAD = z.strictObject({ head: objectField(LOG_HEAD), signature })

const HEAD = definePeerMessage({
  family: 'proof',
  index: 0,
  name: 'PROOF_HEAD',
  summary: 'The tip of a log, signed by its author.',
  body: SIGNED_HEAD,
  maxBody: 512,
  rate: 'control',
})

const RANGE_REQUEST = definePeerMessage({
  family: 'proof',
  index: 1,
  name: 'PROOF_RANGE_REQUEST',
  summary: 'Asks for entries of an author’s log, from a sequence on.',
  body: z.strictObject({ request: u32, author: nodeKey, from: count, entries: integer(1, 128) }),
  maxBody: 128,
  rate: 'control',
})

const RANGE = definePeerMessage({
  family: 'proof',
  index: 2,
  name: 'PROOF_RANGE',
  summary: 'Entries of a log in order, and a signed head that their chain of hashes leads to.',
  body: z.strictObject({
    request: u32,
    entries: list(objectField(LOG_ENTRY), 128),
    head: SIGNED_HEAD,
    more: z.boolean(),
  }),
  maxBody: 320 * 1024,
  large: 'A page of 128 entries of the largest kind.',
  rate: 'control',
})

const RECON_OPEN = definePeerMessage({
  family: 'proof',
  index: 3,
  name: 'PROOF_RECON_OPEN',
  summary: 'Begins to compare a set: which one, by what method, how large it is here.',
  body: z.strictObject({
    recon: id16,
    set: z.enum(['log-heads', 'log-entries', 'receipts', 'genomes', 'verdicts', 'revocations']),
    /** Whose entries; null for everyone's. */
    author: z.nullable(nodeKey),
    method: z.enum(['negentropy', 'riblt']),
    size: count,
    /** Fingerprint of the whole set: where both agree there is nothing to do. */
    fingerprint: bytes(16),
  }),
  maxBody: 256,
  rate: 'control',
})

const RECON_FRAME = definePeerMessage({
  family: 'proof',
  index: 4,
  name: 'PROOF_RECON_FRAME',
  summary: 'The next message of the method, as raw bytes.',
  body: z.strictObject({ recon: id16, round: u32 }),
  tail: 'bytes',
  maxBody: 64,
  maxTail: MAX_RECON_FRAME,
  large: 'A set’s differences take as many of these as they need; fewer rounds where links are slow.',
  rate: 'stream',
})

const RECON_DONE = definePeerMessage({
  family: 'proof',
  index: 5,
  name: 'PROOF_RECON_DONE',
  summary: 'Ends a comparison: what each side lacked, or why it was given up.',
  body: z.strictObject({
    recon: id16,
    code: z.nullable(errorCodeField),
    rounds: u32,
    /** Items that the sender had and the receiver lacked, and the other way round. */
    sent: count,
    missing: count,
  }),
  maxBody: 192,
  rate: 'control',
})

const WITNESS = definePeerMessage({
  family: 'proof',
  index: 6,
  name: 'PROOF_WITNESS',
  summary: 'A node countersigns another’s head.',
  body: z.strictObject({ seen: objectField(WITNESSED_HEAD), signature }),
  maxBody: 512,
  rate: 'control',
})

const FORK = definePeerMessage({
  family: 'proof',
  index: 7,
  name: 'PROOF_FORK',
  summary: 'Two signed heads of one author that cannot be of one log: proof for anyone.',
  body: z
    .strictObject({
      first: SIGNED_HEAD,
      second: SIGNED_HEAD,
      /** Where the second is further on: the entries behind the first one’s place, up to the second. */
      path: z.exactOptional(list(objectField(LOG_ENTRY), MAX_FORK_PATH)),
    })
    .check(z.refine(headsConflict, 'the two heads do not conflict')),
  maxBody: 160 * 1024,
  large: 'Sixty-four entries of the largest kind, for heads at different places; most are two heads.',
  rate: 'control',
})

export const PROOF_MESSAGES = [HEAD, RANGE_REQUEST, RANGE, RECON_OPEN, RECON_FRAME, RECON_DONE, WITNESS, FORK] as const

/** The signatures are the handler's to verify: a fork that one side made up accuses nobody. */
export function headsConflict({
  first,
  second,
  path = [],
}: {
  readonly first: { readonly head: Uint8Array }
  readonly second: { readonly head: Uint8Array }
  readonly path?: readonly Uint8Array[]
}): boolean {
  const a = readObject(LOG_HEAD, first.head)
  const b = readObject(LOG_HEAD, second.head)
  if (!equalBytes(a.author, b.author) || b.sequence !== a.sequence + path.length) return false
  // From the second head back, each entry by the hash that the one after it names, to the place of the first.
  let named = b.entry
  for (const [behind, bytes] of [...path].reverse().entries()) {
    const entry = readObject(LOG_ENTRY, bytes)
    const fits = equalBytes(entry.author, a.author) && entry.sequence === b.sequence - behind
    if (!fits || !equalBytes(sha256(bytes), named)) return false
    named = entry.previous
  }
  return !equalBytes(named, a.entry)
}
