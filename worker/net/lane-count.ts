// How many connections a transfer should have besides the first, found by trying: twice as many are kept where they carried
// clearly more, and let go where they did not. On a short path one connection is fastest; over delay or loss several are.

/** Connections besides the first, at most. */
export const MAX_LANES = 7
/** Between calls of `next`. */
export const LANE_TICK_MS = 500
/** Below this a queue is no backlog: one connection keeps up. */
const BACKLOG_BYTES = 128 * 1024
/** Paths shorter than this are limited by the processor, not by delay; measured without load. */
const SHORT_PATH_MS = 5
/** How long a rate is measured. The first moments of a connection are its slow start. */
const MEASURE_MS = 1500
/** What more connections must bring to be worth it. */
const WORTH = 1.1
const TRY_AGAIN_MS = 30_000
/** Without a backlog for this long, all of them are closed. */
const IDLE_MS = 5000
/** New connections get this long to open before the next measurement begins without them. */
const OPENING_MS = 5000

export interface LaneSample {
  readonly now: number
  /** Bulk bytes that have left so far, over all connections. */
  readonly leftBytes: number
  /** Bulk bytes that wait to leave. */
  readonly waitingBytes: number
  /** Open now, besides the first connection. */
  readonly lanes: number
  /** The shortest seen on the first connection; null before one was measured, and where there is to be no other. */
  readonly roundTripMs: number | null
}

export interface LaneCount {
  /** How many there should be from now on. */
  next(sample: LaneSample): number
}

export function createLaneCount(): LaneCount {
  let wanted = 0
  let lastBusy = Number.NEGATIVE_INFINITY
  let changedAt = 0
  let notBefore = Number.NEGATIVE_INFINITY
  let measuring: { readonly at: number; readonly leftBytes: number } | null = null
  /** What was carried with fewer, while more are on trial. */
  let trial: { readonly lanes: number; readonly rate: number } | null = null

  const change = (lanes: number, now: number) => {
    wanted = lanes
    changedAt = now
    measuring = null
  }
  const judge = (rate: number, { now, roundTripMs }: LaneSample) => {
    if (trial !== null && rate < trial.rate * WORTH) {
      change(trial.lanes, now)
      notBefore = now + TRY_AGAIN_MS
    } else if (wanted < MAX_LANES && now >= notBefore && roundTripMs !== null && roundTripMs >= SHORT_PATH_MS) {
      trial = { lanes: wanted, rate }
      change(Math.min(MAX_LANES, wanted * 2 + 1), now)
      return
    } else measuring = null
    trial = null
  }

  return {
    next(sample) {
      const { now, waitingBytes, leftBytes, lanes } = sample
      if (waitingBytes < BACKLOG_BYTES) {
        measuring = null
        trial = null
        if (now - lastBusy >= IDLE_MS) wanted = 0
        return wanted
      }
      lastBusy = now
      if (lanes < wanted && now - changedAt < OPENING_MS) return wanted
      if (measuring === null) measuring = { at: now, leftBytes }
      else if (now - measuring.at >= MEASURE_MS) {
        judge((leftBytes - measuring.leftBytes) / (now - measuring.at), sample)
      }
      return wanted
    },
  }
}
