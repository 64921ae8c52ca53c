// Time as a parameter: what waits, paces or gives up asks a clock, so that a whole swarm can run on a test's own time.

export interface Clock {
  /** Milliseconds from some fixed start; never goes back. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): Timer
  /** Clearing what is over, or was never set, does nothing. */
  clearTimeout(timer: Timer | undefined): void
}

/** Whatever the clock hands back; only that clock can read it. */
export type Timer = object | number
