// Layers loaded once for all who use them: when the plans of two askers put the same layers of one model on this node, they
// share the weights, and their steps can run as one.

import { CentramError } from '#core/errors.ts'
import type { Shard } from '../model/shard.ts'
import type { StepScheduler } from './step-scheduler.ts'

export interface PooledLoad {
  /** Model, layers and kernel shapes: loads of the same key share their weights. */
  readonly key: string
  readonly asker: string
  /** Gives this load up; the layers go on loading for others who wait for them. */
  readonly signal: AbortSignal
  onProgress(done: number, total: number): void
  load(signal: AbortSignal, onProgress: (done: number, total: number) => void): Promise<Shard>
}

export interface ShardPool {
  /** The layers as one asker uses them; they are freed when the last one disposes of them. */
  acquire(wanted: PooledLoad): Promise<Shard>
}

interface Entry {
  users: number
  readonly abort: AbortController
  readonly listeners: Set<PooledLoad['onProgress']>
  readonly loading: Promise<Shard>
}

export function createShardPool(scheduler: StepScheduler): ShardPool {
  const entries = new Map<string, Entry>()

  function begin({ key, load }: PooledLoad): Entry {
    const abort = new AbortController()
    const listeners: Entry['listeners'] = new Set()
    const loading = load(abort.signal, (done, total) => {
      for (const listener of listeners) listener(done, total)
    })
    const entry: Entry = { users: 0, abort, listeners, loading }
    entries.set(key, entry)
    loading.catch(() => forget(key, entry))
    return entry
  }

  function forget(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key)
  }

  function leave(key: string, entry: Entry): void {
    if (--entry.users > 0) return
    forget(key, entry)
    entry.abort.abort()
    void entry.loading.then(
      (shard) => shard.dispose(),
      () => undefined,
    )
  }

  return {
    async acquire(wanted) {
      const { key, asker, signal, onProgress } = wanted
      signal.throwIfAborted()
      const entry = entries.get(key) ?? begin(wanted)
      entry.users++
      entry.listeners.add(onProgress)
      try {
        const shard = await Promise.race([entry.loading, whenAborted(signal)])
        const lent = scheduler.lend(shard, asker)
        let disposed = false
        return {
          ...lent,
          dispose() {
            if (disposed) return
            disposed = true
            lent.dispose()
            leave(key, entry)
          },
        }
      } catch (error) {
        leave(key, entry)
        throw error
      } finally {
        entry.listeners.delete(onProgress)
      }
    },
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancelled = () => reject(new CentramError('CANCELLED', 'Loading was cancelled.'))
    signal.addEventListener('abort', cancelled, { once: true })
  })
}
