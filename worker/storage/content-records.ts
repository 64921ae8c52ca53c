// Which contents this browser knows, and under which keys of the model cache the bytes of their files are. All its tabs share them.

import { readChunkTree, type ChunkTree } from '#core/content/manifest.ts'
import type { Records } from './records.ts'

export interface KnownContent {
  readonly tree: ChunkTree
  /** A key a file, in the order of the manifest. */
  readonly keys: readonly string[]
}

export interface ContentRecords {
  get(id: string): Promise<KnownContent | undefined>
  put(content: KnownContent): Promise<void>
  remove(id: string): Promise<void>
  ids(): Promise<string[]>
}

const STORE = 'contents'

export function createContentRecords(records: Records): ContentRecords {
  return {
    async get(id) {
      const { manifest, leaves, keys } = ((await records.get(STORE, id)) as Record<string, unknown> | undefined) ?? {}
      if (!(manifest instanceof Uint8Array && leaves instanceof Uint8Array && Array.isArray(keys))) return undefined
      try {
        const tree = readChunkTree(manifest, leaves)
        const isWhole = tree.id === id && keys.length === tree.manifest.files.length
        return isWhole && keys.every((key) => typeof key === 'string') ? { tree, keys } : undefined
      } catch {
        // Of another version, or damaged: it is learned anew.
        return undefined
      }
    },
    put: ({ tree, keys }) =>
      records.put(STORE, tree.id, { manifest: tree.encoded, leaves: tree.leaves, keys: [...keys] }),
    remove: (id) => records.delete(STORE, id),
    ids: () => records.keys(STORE),
  }
}
