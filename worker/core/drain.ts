// Waiting until a queue has shrunk: whoever fills it waits here, and whoever empties it says so.

export interface Drain {
  /** The smallest size that somebody waits for; null when nobody waits. */
  readonly least: number | null
  /** Resolves when fewer than `bytes` wait; rejects with the error of `fail`. */
  below(bytes: number): Promise<void>
  /** To be called after the queue has become smaller. */
  shrunk(): void
  /** Nothing leaves any more: everyone who waits, now or later, gets `error`. Counts once. */
  fail(error: Error): void
}

export function createDrain(waitingBytes: () => number): Drain {
  let failure: Error | null = null
  let waiters: { readonly bytes: number; resolve(): void; reject(error: Error): void }[] = []
  return {
    get least() {
      return waiters.length === 0 ? null : Math.min(...waiters.map(({ bytes }) => bytes))
    },
    below(bytes) {
      if (failure !== null) return Promise.reject(failure)
      if (waitingBytes() < bytes) return Promise.resolve()
      return new Promise((resolve, reject) => waiters.push({ bytes, resolve, reject }))
    },
    shrunk() {
      if (waiters.length === 0) return
      const left = waitingBytes()
      const ready = waiters.filter(({ bytes }) => left < bytes)
      waiters = waiters.filter(({ bytes }) => left >= bytes)
      for (const { resolve } of ready) resolve()
    },
    fail(error) {
      if (failure !== null) return
      failure = error
      const failed = waiters
      waiters = []
      for (const { reject } of failed) reject(error)
    },
  }
}
