// How many connections a transfer gets, on paths where more help, do nothing, or hurt.

import { describe, expect, it } from 'vitest'
import { createLaneCount, LANE_TICK_MS, MAX_LANES } from '../../../worker/net/lane-count.ts'

/** Runs a transfer over a path that carries `rate(connections)` bytes a millisecond; the counts over time. */
function run(rate: (connections: number) => number, options: { roundTripMs?: number; seconds?: number } = {}) {
  const count = createLaneCount()
  const counts: number[] = []
  let leftBytes = 0
  let lanes = 0
  for (let now = 0; now < (options.seconds ?? 20) * 1000; now += LANE_TICK_MS) {
    lanes = count.next({ now, leftBytes, waitingBytes: 1e6, lanes, roundTripMs: options.roundTripMs ?? 40 })
    leftBytes += rate(1 + lanes) * LANE_TICK_MS
    counts.push(lanes)
  }
  return { count, counts, last: counts.at(-1) }
}

describe('the number of lanes', () => {
  it('grows while each doubling carries more, and stops where it does not', () => {
    expect(run((connections) => connections).last).toBe(MAX_LANES)
    // The line is full with four.
    const { counts, last } = run((connections) => Math.min(4, connections))
    expect(last).toBe(3)
    expect(Math.max(...counts)).toBe(MAX_LANES)
    expect(run(() => 5).last).toBe(0)
  })

  it('goes back at once where more connections carry less, and tries again only after a while', () => {
    const { counts } = run((connections) => 10 / connections, { seconds: 28 })
    expect(counts.filter((lanes, i) => lanes > (counts[i - 1] ?? 0))).toEqual([1])
    expect(counts.at(-1)).toBe(0)
    const longer = run((connections) => 10 / connections, { seconds: 80 })
    expect(longer.counts.filter((lanes, i) => lanes > (longer.counts[i - 1] ?? 0)).length).toBe(3)
  })

  it('stays at one connection on a short path, before the path is known, and where one keeps up', () => {
    expect(run((connections) => connections, { roundTripMs: 2 }).counts.every((lanes) => lanes === 0)).toBe(true)
    const count = createLaneCount()
    for (let now = 0; now < 10_000; now += LANE_TICK_MS) {
      expect(count.next({ now, leftBytes: now, waitingBytes: 1e6, lanes: 0, roundTripMs: null })).toBe(0)
      expect(count.next({ now, leftBytes: now, waitingBytes: 1000, lanes: 0, roundTripMs: 40 })).toBe(0)
    }
  })

  it('goes on without lanes that do not open, and closes all when it is quiet', () => {
    const count = createLaneCount()
    let leftBytes = 0
    let now = 0
    for (; now < 20_000; now += LANE_TICK_MS) {
      const wanted = count.next({ now, leftBytes, waitingBytes: 1e6, lanes: 0, roundTripMs: 40 })
      expect(wanted).toBeLessThanOrEqual(1)
      leftBytes += 1000
    }
    const { count: busy } = run((connections) => connections)
    expect(busy.next({ now: 21_000, leftBytes: 1e9, waitingBytes: 0, lanes: MAX_LANES, roundTripMs: 40 })).toBe(
      MAX_LANES,
    )
    expect(busy.next({ now: 26_000, leftBytes: 1e9, waitingBytes: 0, lanes: MAX_LANES, roundTripMs: 40 })).toBe(0)
  })
})
