// What a content is made of: files in a fixed order, each cut into chunks of one size. A file begins with a chunk of its own, so
// no chunk lies in two files, and the last chunk of a file is as long as what is left of it.

import { equalBytes, toHex } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { CentramError } from '../errors.ts'
import { CONTENT_MANIFEST } from '../protocol/messages/content.ts'
import { encodeObject, readObject, type ObjectOf } from '../protocol/signed-object.ts'
import { HASH_BYTES, levelsOf } from './chunk-tree.ts'

export type ContentManifest = ObjectOf<typeof CONTENT_MANIFEST>

/** A manifest as it was encoded, with the hash of every chunk. */
export interface ChunkTree {
  /** Hex SHA-256 of the manifest's encoding. */
  readonly id: string
  readonly manifest: ContentManifest
  /** The manifest's encoding. */
  readonly encoded: Uint8Array
  /** Leaf hashes, one behind another. */
  readonly leaves: Uint8Array
  /** The whole tree, for proofs: the leaves first, the root last. */
  readonly levels: readonly Uint8Array[]
}

export interface ContentFile {
  readonly path: string
  readonly bytes: number
}

/** Where a chunk lies. */
export interface ChunkPlace {
  readonly file: number
  readonly offset: number
  readonly bytes: number
}

/** Chunks of one content, at most. */
export const MAX_CHUNKS = 2 ** 16
const CHUNK_BYTES = 256 * 1024
const LARGEST_CHUNK_BYTES = 1024 * 1024

/** The size of a chunk: 256 KiB, or the next power of two that keeps the tree within its bounds. Throws `BAD_ARGUMENT`. */
export function chunkBytesFor(files: readonly ContentFile[]): number {
  for (let size = CHUNK_BYTES; size <= LARGEST_CHUNK_BYTES; size *= 2) {
    if (countChunks(files, size) <= MAX_CHUNKS) return size
  }
  throw new CentramError(
    'BAD_ARGUMENT',
    'These files are too large to be shared as one content: 64 GiB are the most. Nodes fetch them from their address instead.',
  )
}

/** The one order of a content's files, so that every node makes the same manifest. */
export function inOrder<File extends { readonly path: string }>(files: readonly File[]): File[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** @param leaves the hash of every chunk, in order. */
export function makeChunkTree(
  kind: ContentManifest['kind'],
  files: readonly ContentFile[],
  chunkBytes: number,
  leaves: Uint8Array,
): ChunkTree {
  const chunks = countChunks(files, chunkBytes)
  if (chunks === 0 || leaves.length !== chunks * HASH_BYTES) {
    throw new CentramError('BAD_ARGUMENT', `${chunks} chunks were given ${leaves.length / HASH_BYTES} hashes.`)
  }
  const levels = levelsOf(leaves)
  const encoded = encodeObject(CONTENT_MANIFEST, {
    kind,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    chunkBytes,
    chunks,
    root: levels.at(-1) ?? leaves,
  })
  // Read back, so that what is offered is what others will take.
  return readChunkTree(encoded, leaves)
}

/** Total: throws `FRAME_INVALID` unless this is a manifest that agrees with itself, and with its leaves. */
export function readChunkTree(encoded: Uint8Array, leaves: Uint8Array): ChunkTree {
  const manifest = readObject(CONTENT_MANIFEST, encoded)
  const { files, bytes, chunkBytes, chunks, root } = manifest
  const refuse = (what: string) => new CentramError('FRAME_INVALID', `A content manifest was refused: ${what}.`)
  if (files.length === 0) throw refuse('it names no file')
  // Sums of sizes near 2^53 would round.
  if (files.some((file) => file.bytes > MAX_CHUNKS * chunkBytes)) throw refuse('a file is larger than the largest tree')
  if (files.reduce((sum, file) => sum + file.bytes, 0) !== bytes)
    throw refuse('its files have other sizes than it says')
  if (countChunks(files, chunkBytes) !== chunks) throw refuse('its files have another number of chunks than it says')
  if (files.some(({ path }, i) => !isContentPath(path) || (i > 0 && path <= (files[i - 1]?.path ?? '')))) {
    throw refuse('its paths are not plain, or not in order')
  }
  if (leaves.length !== chunks * HASH_BYTES) throw refuse('it has another number of leaf hashes than chunks')
  const levels = levelsOf(leaves)
  if (!equalBytes(levels.at(-1) ?? leaves, root)) throw refuse('its leaf hashes do not lead to its root')
  return { id: contentId(encoded), manifest, encoded, leaves, levels }
}

/** Hex SHA-256 of an encoded manifest. */
function contentId(encoded: Uint8Array): string {
  return toHex(sha256(encoded))
}

/** Throws `BAD_ARGUMENT` for a chunk that there is not. */
export function placeOf(manifest: ContentManifest, chunk: number): ChunkPlace {
  const { files, chunkBytes } = manifest
  let before = 0
  for (const [file, { bytes }] of files.entries()) {
    const chunks = Math.ceil(bytes / chunkBytes)
    if (Number.isInteger(chunk) && chunk >= before && chunk < before + chunks) {
      const offset = (chunk - before) * chunkBytes
      return { file, offset, bytes: Math.min(chunkBytes, bytes - offset) }
    }
    before += chunks
  }
  throw new CentramError('BAD_ARGUMENT', `There is no chunk ${chunk} in a content of ${manifest.chunks}.`)
}

/** The first chunk of a file. */
function firstChunkOf(manifest: ContentManifest, file: number): number {
  return countChunks(manifest.files.slice(0, file), manifest.chunkBytes)
}

/** The chunks that hold bytes `[start, end)` of a file: `[first, last)`. */
export function chunksOver(
  manifest: ContentManifest,
  file: number,
  start: number,
  end: number,
): { readonly first: number; readonly last: number } {
  const before = firstChunkOf(manifest, file)
  const { chunkBytes } = manifest
  return { first: before + Math.floor(start / chunkBytes), last: before + Math.ceil(end / chunkBytes) }
}

/** The chunks that lie wholly in bytes `[start, end)` of a file: `[first, last)`, empty where `last` is not above `first`. */
export function chunksWithin(
  manifest: ContentManifest,
  file: number,
  start: number,
  end: number,
): { readonly first: number; readonly last: number } {
  const before = firstChunkOf(manifest, file)
  const { chunkBytes } = manifest
  const whole = end >= (manifest.files[file]?.bytes ?? 0)
  const last = whole ? Math.ceil(end / chunkBytes) : Math.floor(end / chunkBytes)
  return { first: before + Math.ceil(start / chunkBytes), last: before + last }
}

function countChunks(files: readonly ContentFile[], chunkBytes: number): number {
  return files.reduce((sum, { bytes }) => sum + Math.ceil(bytes / chunkBytes), 0)
}

/** A file's name in a manifest becomes part of a name it is kept under, and is compared: one spelling only. */
export function isContentPath(path: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(path)
}
