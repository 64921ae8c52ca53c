// Gives up on work that stands still. A slow machine may take as long as it needs while layers load and tokens come;
// what counts is the time since anything moved.

import { CentramError } from '#core/errors.ts'

export interface Watchdog {
  /** Something moved; `what` is told when nothing moves after it. */
  progress(what: string): void
  /** Ends every guarded wait with this error (a crash, Ctrl-C). */
  fail(error: Error): void
  /** Resolves with `work`, or rejects when it stands still or something failed. `what` completes "waiting for …". */
  guard<T>(what: string, work: Promise<T>): Promise<T>
}

const LOOK_EVERY_MS = 250

export function createWatchdog(stallMs: number): Watchdog {
  let movedAt = performance.now()
  let latest = 'nothing'
  let failure: Error | undefined
  const waiting = new Set<(error: Error) => void>()

  return {
    progress(what) {
      movedAt = performance.now()
      latest = what
    },
    fail(error) {
      failure ??= error
      for (const reject of waiting) reject(failure)
    },
    async guard(what, work) {
      if (failure) throw failure
      movedAt = performance.now()
      let stop: () => void = () => undefined
      const failed = new Promise<never>((_resolve, reject) => {
        const look = setInterval(() => {
          if (performance.now() - movedAt < stallMs) return
          const seconds = Math.round(stallMs / 1000)
          const message =
            `Nothing moved for ${seconds} s while waiting for ${what}; the last thing that happened was: ${latest}. ` +
            'On a slow machine, give it longer with --timeout SECONDS.'
          reject(new CentramError('TIMEOUT', message))
        }, LOOK_EVERY_MS)
        waiting.add(reject)
        stop = () => {
          clearInterval(look)
          waiting.delete(reject)
        }
      })
      try {
        return await Promise.race([work, failed])
      } finally {
        stop()
        // The abandoned one may still reject, and nobody is left to hear it.
        work.catch(() => undefined)
        failed.catch(() => undefined)
      }
    },
  }
}
