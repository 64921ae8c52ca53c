// How much bulk may wait in a channel: what leaves it in a moment, as measured, so that a token finds a short queue on a slow
// path and a fast one is never idle between refills.

import type { Clock } from '#core/clock.ts'

/** What a token may wait for bulk that entered the channel before it. */
const TARGET_MS = 30
const MIN_BYTES = 32 * 1024
/** A fast path needs no more: it is refilled within a few milliseconds. */
export const MAX_BULK_WINDOW_BYTES = 256 * 1024
const FIRST_BYTES = 64 * 1024
const MEASURE_MS = 50
/** A measurement that went on for longer saw pauses of the sender's. */
const STALE_MS = 500

export interface BulkWindow {
  readonly bytes: number
  /** Of one message of bulk: a part of the window. */
  readonly pieceBytes: number
  /** To be told how much left the channel so far, each time bulk waits for it. */
  waited(leftBytes: number): void
}

export function createBulkWindow(clock: Clock): BulkWindow {
  let bytes = FIRST_BYTES
  let rate: number | null = null
  let since = { at: Number.NEGATIVE_INFINITY, leftBytes: 0 }
  return {
    get bytes() {
      return bytes
    },
    get pieceBytes() {
      return Math.floor(bytes / 4)
    },
    waited(leftBytes) {
      const at = clock.now()
      const elapsed = at - since.at
      if (elapsed < MEASURE_MS) return
      if (elapsed < STALE_MS) {
        const sample = (leftBytes - since.leftBytes) / elapsed
        rate = rate === null ? sample : (rate + sample) / 2
        bytes = Math.round(Math.min(MAX_BULK_WINDOW_BYTES, Math.max(MIN_BYTES, rate * TARGET_MS)))
      }
      since = { at, leftBytes }
    },
  }
}
