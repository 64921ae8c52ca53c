// What the server's models are as content: hashed when first asked for, so that nodes can check what other nodes send them. Encoded
// as nodes read it: deterministic CBOR of `manifest` and `leaves`.

import { createHash } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HASH_BYTES, leafInput } from '#core/content/chunk-tree.ts'
import { chunkBytesFor, inOrder, isContentPath, makeChunkTree, type ContentFile } from '#core/content/manifest.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { FOLDER_FILE, type LocalModel } from './model-library.ts'

export interface ModelManifests {
  /** Null for what is no content: a lone safetensors file, whose folder is not served, or files too large. */
  of(model: LocalModel): Promise<Uint8Array<ArrayBuffer> | null>
}

interface LocalFile extends ContentFile {
  readonly from: string
}

export function createModelManifests(): ModelManifests {
  /** By path, for as long as no file changes its size or time. */
  const made = new Map<string, { readonly state: string; readonly manifest: Promise<Uint8Array<ArrayBuffer> | null> }>()
  return {
    async of(model) {
      const { files, state } = await filesOf(model)
      const before = made.get(model.path)
      if (before?.state === state) return before.manifest
      const manifest = makeManifest(files).catch(() => null)
      made.set(model.path, { state, manifest })
      return manifest
    },
  }
}

async function filesOf(model: LocalModel): Promise<{ files: readonly LocalFile[]; state: string }> {
  const names =
    model.kind === 'folder'
      ? (await readdir(model.path)).filter((name) => FOLDER_FILE.test(name) && isContentPath(name))
      : /\.gguf$/i.test(model.path)
        ? ['']
        : []
  const found = await Promise.all(
    names.map(async (name) => {
      const from = name === '' ? model.path : join(model.path, name)
      const { size, mtimeMs } = await stat(from)
      return { path: name === '' ? 'model.gguf' : name, from, bytes: size, mtimeMs }
    }),
  )
  const files = inOrder(found.filter(({ bytes }) => bytes > 0))
  return { files, state: files.map(({ path, bytes, mtimeMs }) => `${path} ${bytes} ${mtimeMs}`).join('\n') }
}

async function makeManifest(files: readonly LocalFile[]): Promise<Uint8Array<ArrayBuffer> | null> {
  if (files.length === 0 || files.length > 64) return null
  const chunkBytes = chunkBytesFor(files)
  const hashes: Buffer[] = []
  for (const { from, bytes } of files) {
    const handle = await open(from)
    try {
      for (let offset = 0; offset < bytes; offset += chunkBytes) {
        const chunk = Buffer.alloc(Math.min(chunkBytes, bytes - offset))
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset)
        if (bytesRead !== chunk.length) return null
        hashes.push(createHash('sha256').update(leafInput(chunk)).digest())
      }
    } finally {
      await handle.close()
    }
  }
  const leaves = new Uint8Array(hashes.length * HASH_BYTES)
  for (const [i, hash] of hashes.entries()) leaves.set(hash, i * HASH_BYTES)
  const { encoded } = makeChunkTree('model', files, chunkBytes, leaves)
  return encodeCanonical({ manifest: encoded, leaves })
}
