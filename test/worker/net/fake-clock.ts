// A clock that a test moves by hand. Signatures are made on other threads in real time, so after each step the real event
// loop gets a few turns.

import type { Clock } from '#core/clock.ts'

export interface FakeClock extends Clock {
  /** Moves on by `milliseconds`, running each timer at its own time. */
  advance(milliseconds: number): Promise<void>
  /** Moves on, a quarter of a second at a time, until `condition` holds; fails after `limit` milliseconds. */
  until(condition: () => boolean, limit?: number, what?: string): Promise<number>
}

export function createFakeClock(): FakeClock {
  let time = 1000
  let count = 0
  const timers = new Map<number, { at: number; callback: () => void }>()
  const clock: FakeClock = {
    now: () => time,
    setTimeout(callback, milliseconds) {
      const id = ++count
      timers.set(id, { at: time + Math.max(0, milliseconds), callback })
      return id
    },
    clearTimeout: (timer) => void timers.delete(timer as number),
    async advance(milliseconds) {
      const end = time + milliseconds
      await settle()
      for (;;) {
        const next = [...timers].sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0]
        if (next === undefined || next[1].at > end) break
        time = Math.max(time, next[1].at)
        timers.delete(next[0])
        next[1].callback()
        await settle()
      }
      time = end
      await settle()
    },
    async until(condition, limit = 60_000, what = 'the condition') {
      const start = time
      await settle()
      while (!condition()) {
        if (time - start >= limit) throw new Error(`${what} did not come about in ${limit} ms of simulated time`)
        await clock.advance(50)
      }
      return time - start
    },
  }
  return clock
}

let working = 0

/** Marks an asynchronous function whose work `settle` waits for: signing and verifying. */
export function tracked<Arguments extends unknown[], Result>(
  work: (...values: Arguments) => Promise<Result>,
): (...values: Arguments) => Promise<Result> {
  return async (...values) => {
    working++
    try {
      return await work(...values)
    } finally {
      working--
    }
  }
}

/** Lets everything that needs no simulated time happen: signatures in flight come back, and what follows from them. */
export async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 4; quiet = working > 0 ? 0 : quiet + 1) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
