// Family 5, content: models and genomes as trees of chunks, named by the hash of a manifest, fetched from several nodes
// at once and verified chunk by chunk.

import { z } from 'zod/mini'
import { bytesWhere, count, errorCodeField, hash, integer, list, text } from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'

/** Chunks of one content, at most: 16 GiB of 256 KiB, and 64 GiB of the largest. */
const MAX_CHUNKS = 2 ** 16
/** Siblings from a leaf to the root of such a tree. */
const MAX_PROOF = 16
const HASH_BYTES = 32
const MAX_CHUNK_BYTES = 1024 * 1024

const INDEX = integer(0, MAX_CHUNKS - 1)
const INDICES = list(INDEX, 256)

/** What a content is. Its id is the SHA-256 of this object's encoding. Each file begins with a chunk of its own. */
export const CONTENT_MANIFEST = defineObject({
  name: 'content manifest',
  schema: z.strictObject({
    kind: z.enum(['model', 'genome', 'other']),
    /** In the order in which their bytes follow each other. */
    files: list(z.strictObject({ path: text(256), bytes: integer(1, Number.MAX_SAFE_INTEGER) }), 64),
    bytes: count,
    chunkBytes: integer(1024, MAX_CHUNK_BYTES),
    chunks: integer(1, MAX_CHUNKS),
    /** Of the binary tree over the hashes of all files' chunks. */
    root: hash,
  }),
  maxBytes: 60 * 1024,
})

const MANIFEST_REQUEST = definePeerMessage({
  family: 'content',
  index: 0,
  name: 'CONTENT_MANIFEST_REQUEST',
  summary: 'Asks what a node holds of a content, now and later, and for its manifest where the asker lacks it.',
  body: z.strictObject({ content: hash, manifest: z.boolean() }),
  maxBody: 96,
  rate: 'control',
})

const MANIFEST = definePeerMessage({
  family: 'content',
  index: 1,
  name: 'CONTENT_MANIFEST',
  summary:
    'A manifest (files, size of a chunk, root of the tree over the chunks), and behind it the hash of every chunk.',
  body: z.strictObject({ content: hash, manifest: objectField(CONTENT_MANIFEST) }),
  tail: 'bytes',
  maxBody: 61 * 1024,
  maxTail: MAX_CHUNKS * HASH_BYTES,
  large:
    'The leaves of the largest tree. With them a node can check chunks that come from elsewhere and prove those it passes on.',
  rate: 'bulk',
  tailFits: (_body, tailBytes) => tailBytes > 0 && tailBytes % HASH_BYTES === 0,
})

const BITFIELD = definePeerMessage({
  family: 'content',
  index: 2,
  name: 'CONTENT_BITFIELD',
  summary: 'Which chunks of a content the sender holds: a bit each, the lowest first.',
  body: z.strictObject({ content: hash, bits: bytesWhere({ min: 1, max: MAX_CHUNKS / 8 }, () => true) }),
  maxBody: 8 * 1024 + 128,
  rate: 'control',
})

const HAVE = definePeerMessage({
  family: 'content',
  index: 3,
  name: 'CONTENT_HAVE',
  summary: 'Chunks that the sender holds since its bitfield.',
  body: z.strictObject({ content: hash, chunks: INDICES }),
  maxBody: 2048,
  rate: 'stream',
})

const REQUEST = definePeerMessage({
  family: 'content',
  index: 4,
  name: 'CONTENT_REQUEST',
  summary: 'Asks for chunks, in the order wished.',
  body: z.strictObject({ content: hash, chunks: INDICES }),
  maxBody: 2048,
  rate: 'stream',
})

const CHUNK = definePeerMessage({
  family: 'content',
  index: 5,
  name: 'CONTENT_CHUNK',
  summary: 'One chunk, with the hashes that lead from it to the root.',
  body: z.strictObject({ content: hash, chunk: INDEX, proof: list(hash, MAX_PROOF) }),
  tail: 'bytes',
  maxBody: 1024,
  maxTail: MAX_CHUNK_BYTES,
  large:
    'A chunk is what is verified, refused and fetched elsewhere as one: smaller ones need more proofs, larger ones cost more when a sender lies.',
  rate: 'bulk',
})

const CANCEL = definePeerMessage({
  family: 'content',
  index: 6,
  name: 'CONTENT_CANCEL',
  summary: 'Needs chunks no longer that it asked for; none named means all.',
  body: z.strictObject({ content: hash, chunks: INDICES }),
  maxBody: 2048,
  rate: 'stream',
})

const UNAVAILABLE = definePeerMessage({
  family: 'content',
  index: 7,
  name: 'CONTENT_UNAVAILABLE',
  summary: 'Will not send chunks it was asked for, or (none named) anything of a content, and why.',
  body: z.strictObject({ content: hash, chunks: INDICES, code: errorCodeField }),
  maxBody: 2048,
  rate: 'stream',
})

export const CONTENT_MESSAGES = [
  MANIFEST_REQUEST,
  MANIFEST,
  BITFIELD,
  HAVE,
  REQUEST,
  CHUNK,
  CANCEL,
  UNAVAILABLE,
] as const
