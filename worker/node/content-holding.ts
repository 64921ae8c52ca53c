// A content that is here, wholly or in part: its tree, which chunks, and their bytes.

import { concatBytes } from '#core/crypto/bytes.ts'
import { createChunkSet, type ChunkSet } from '#core/content/chunk-set.ts'
import { hashChunk } from '#core/content/chunk-tree.ts'
import {
  chunkBytesFor,
  inOrder,
  makeChunkTree,
  placeOf,
  type ChunkTree,
  type ContentManifest,
} from '#core/content/manifest.ts'

export interface ContentHolding {
  readonly tree: ChunkTree
  held(): Promise<ChunkSet>
  /** `undefined` where the chunk is not here any more. */
  read(chunk: number): Promise<Uint8Array | undefined>
  /** What was read is not the chunk: it counts as here no longer. */
  lost(chunk: number): Promise<void>
}

/** A file that is here whole, wherever its bytes are. */
export interface OfferedFile {
  /** Letters, digits, dots, dashes and underscores. */
  readonly path: string
  /** Its length. */
  readonly bytes: number
  read(offset: number, length: number): Promise<Uint8Array>
}

export interface OfferedContent {
  readonly kind: ContentManifest['kind']
  readonly files: readonly OfferedFile[]
  /** Where it was offered before: its tree then, so that nothing is hashed again. */
  readonly tree?: ChunkTree
}

export function offeredBytes(path: string, bytes: Uint8Array): OfferedFile {
  return { path, bytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) }
}

/** Hashes every chunk, in pieces, unless the tree is known. */
export async function holdWhole(content: OfferedContent): Promise<ContentHolding> {
  const files = inOrder(content.files)
  const tree = content.tree ?? (await treeOver(content.kind, files))
  const { chunks } = tree.manifest
  const held = createChunkSet(chunks)
  for (let chunk = 0; chunk < chunks; chunk++) held.add(chunk)
  return {
    tree,
    held: async () => held,
    async read(chunk) {
      const { file, offset, bytes } = placeOf(tree.manifest, chunk)
      return held.has(chunk) ? files[file]?.read(offset, bytes) : undefined
    },
    lost: async (chunk) => held.delete(chunk),
  }
}

async function treeOver(kind: ContentManifest['kind'], files: readonly OfferedFile[]): Promise<ChunkTree> {
  const chunkBytes = chunkBytesFor(files)
  const leaves: Uint8Array[] = []
  for (const file of files) {
    for (let offset = 0; offset < file.bytes; offset += chunkBytes) {
      leaves.push(hashChunk(await file.read(offset, Math.min(chunkBytes, file.bytes - offset))))
    }
  }
  return makeChunkTree(kind, files, chunkBytes, concatBytes(...leaves))
}
