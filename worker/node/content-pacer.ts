// Holds what leaves down to so many bytes a second: whoever takes bytes waits for those taken before.

import type { Clock, Timer } from '#core/clock.ts'

export interface Pacer {
  /** Resolves when `bytes` may leave, or when the pacer is closed. */
  take(bytes: number): Promise<void>
  close(): void
}

/** @param rate bytes a second; null for any number. Read anew for every take. */
export function createPacer(clock: Clock, rate: () => number | null): Pacer {
  /** When the last one taken will have left. */
  let free = 0
  let closed = false
  const waiting = new Map<Timer, () => void>()
  return {
    async take(bytes) {
      const perSecond = rate()
      if (perSecond === null || closed) return
      const now = clock.now()
      const wait = Math.max(0, free - now)
      free = Math.max(free, now) + (bytes / perSecond) * 1000
      if (wait === 0) return
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(() => {
          waiting.delete(timer)
          resolve()
        }, wait)
        waiting.set(timer, resolve)
      })
    },
    close() {
      closed = true
      for (const [timer, resolve] of waiting) {
        clock.clearTimeout(timer)
        resolve()
      }
      waiting.clear()
    },
  }
}
