// The clock of tabs, workers and Node.js.

import type { Clock } from '#core/clock.ts'

export type { Clock } from '#core/clock.ts'

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as number),
}
