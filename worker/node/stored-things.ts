// What this browser stores for the node: models, genomes, the text and checkpoints of runs, and model files that nothing uses any
// more. All tabs of a browser share them.

import type { Blobs } from '../storage/blobs.ts'
import type { ModelCache } from '../storage/model-cache.ts'
import { CentramError } from '#core/errors.ts'
import type { NodeState } from './api.ts'
import type { StoredItem, StoredReport } from './limits-api.ts'
import type { KeptModels } from './kept-models.ts'

export interface StoredThings {
  read(): Promise<StoredReport>
  removeLeftover(key: string): Promise<void>
}

export interface StoredThingsOptions {
  readonly blobs: Pick<Blobs, 'estimate'>
  readonly cache: Pick<ModelCache, 'keys' | 'storedBytes' | 'remove'>
  readonly kept: Pick<KeptModels, 'isKept'>
  state(): Pick<NodeState, 'models' | 'genomes' | 'runs' | 'held'>
  /** Keys of the cache under which a listed model's files are. */
  filesOf(modelId: string): Promise<readonly string[]>
  bytesOfRun(runId: string): Promise<number>
}

export function createStoredThings(options: StoredThingsOptions): StoredThings {
  const { blobs, cache } = options

  async function models(): Promise<{ items: StoredItem[]; used: Set<string> }> {
    const used = new Set<string>()
    const items: StoredItem[] = []
    for (const { id, title, status } of options.state().models) {
      const keys = await options.filesOf(id)
      let bytes = 0
      for (const key of keys) {
        // Two models of one file are listed with it both.
        used.add(key)
        bytes += await cache.storedBytes(key)
      }
      if (bytes === 0) continue
      const isLent = options.state().held.some((held) => held.title === title)
      const inUse = isLent || (status !== 'listed' && status !== 'failed')
      items.push({ kind: 'model', id, title, bytes, inUse, forOthers: options.kept.isKept(id) })
    }
    return { items, used }
  }

  async function leftovers(used: ReadonlySet<string>): Promise<StoredItem[]> {
    const items: StoredItem[] = []
    for (const key of await cache.keys()) {
      const bytes = used.has(key) ? 0 : await cache.storedBytes(key)
      if (bytes > 0) items.push({ kind: 'leftover', id: key, title: nameOf(key), bytes })
    }
    return items
  }

  async function runs(): Promise<StoredItem[]> {
    const items: StoredItem[] = []
    for (const { id, name, status } of options.state().runs) {
      const bytes = await options.bytesOfRun(id)
      if (bytes > 0)
        items.push({ kind: 'run', id, title: name, bytes, inUse: status !== 'failed' && status !== 'finished' })
    }
    return items
  }

  return {
    async read() {
      const listed = await models()
      const genomes = options.state().genomes.map(({ id, name, bytes }): StoredItem => {
        return { kind: 'genome', id, title: name, bytes }
      })
      const items = [...listed.items, ...genomes, ...(await runs()), ...(await leftovers(listed.used))]
      const estimate = await blobs.estimate()
      return {
        usedBytes: estimate?.usage ?? null,
        quotaBytes: estimate?.quota ?? null,
        items: items.sort((a, b) => b.bytes - a.bytes),
      }
    },
    async removeLeftover(key) {
      if ((await models()).used.has(key)) {
        throw new CentramError('BAD_ARGUMENT', `${nameOf(key)} belongs to a model of the list. Remove the model.`)
      }
      await cache.remove(key)
    },
  }
}

/** The last part of an address, or the name in a key. */
function nameOf(key: string): string {
  const parts = key.replace(/[?#].*$/, '').split(/[/\\]/)
  return (parts.at(-1) || key).replace(/^file:|:\d+$/g, '')
}
