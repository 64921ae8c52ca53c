// How long a task that reports its progress will still take.

import type { Clock } from '#core/clock.ts'

/** `at(part)` gives whole seconds left, or null until enough has passed to tell. */
export function createTimeLeft(clock: Pick<Clock, 'now'>): { at(part: number): number | null } {
  const began = clock.now()
  let first: number | null = null
  return {
    at(part) {
      first ??= part
      const seconds = (clock.now() - began) / 1000
      const done = part - first
      if (seconds < 1 || done <= 0.005) return null
      return Math.ceil((seconds * (1 - part)) / done)
    },
  }
}
