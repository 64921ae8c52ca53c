// Tensors on one GPU that several shards may hold at a time: each is loaded once, and stays for a while after the last shard
// that held it, so that a model whose layers are placed anew loads only those that it did not have.

interface Disposable {
  dispose(): void
}

export interface WeightStore {
  /** What `load` makes, or what another holder of `key` had made. Release it once. */
  hold<T extends readonly Disposable[]>(key: string, load: () => Promise<T>): Promise<{ parts: T; release(): void }>
  /** Frees what nobody holds, but for what is wanted. */
  free(isWanted?: (key: string) => boolean): void
}

interface Entry {
  holders: number
  readonly made: Promise<readonly Disposable[]>
  /** Once it is loaded. */
  parts: readonly Disposable[] | null
}

/** `onIdle`: something is held by nobody now. Without a listener it is freed at once. */
export function createWeightStore(onIdle?: () => void): WeightStore {
  const entries = new Map<string, Entry>()

  function free(isWanted: (key: string) => boolean = () => false): void {
    for (const [key, { holders, parts }] of [...entries]) {
      if (holders > 0 || parts === null || isWanted(key)) continue
      entries.delete(key)
      for (const part of parts) part.dispose()
    }
  }

  async function obtain(key: string, load: () => Promise<readonly Disposable[]>): Promise<Entry> {
    for (;;) {
      const known = entries.get(key)
      const entry: Entry = known ?? { holders: 0, made: load(), parts: null }
      entries.set(key, entry)
      entry.holders++
      try {
        entry.parts = await entry.made
        return entry
      } catch (error) {
        entry.holders--
        if (entries.get(key) === entry) entries.delete(key)
        // Who began to load it gave up; that is no reason for others to.
        if (!known) throw error
      }
    }
  }

  return {
    async hold<T extends readonly Disposable[]>(key: string, load: () => Promise<T>) {
      const entry = await obtain(key, load)
      let held = true
      return {
        parts: entry.parts as T,
        release() {
          if (!held) return
          held = false
          entry.holders--
          if (entry.holders > 0) return
          if (onIdle) onIdle()
          else free()
        },
      }
    },
    free,
  }
}
