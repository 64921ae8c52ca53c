// What the node measured of itself in the last ten minutes, second by second, and of the last few hundred tokens: kept as it
// happens, so that no timer runs and a page that is opened later sees what was before it.

import type { Placement, StepTiming } from './api.ts'
import type { MeasuredSecond, MeasuredToken, Measurements } from './limits-api.ts'

export interface MeasurementKeeper {
  /** A token came; `own`: to the person here. Where this node asks with a placement of its own, its timing is kept. */
  token(own: boolean, timing: StepTiming, placement: Placement | null): void
  columns(count: number): void
  /** It computed for so long, until now. */
  gpu(milliseconds: number): void
  roundTrips(peers: readonly { readonly id: string; readonly roundTripMs: number | null }[]): void
  read(since: number): Measurements
}

const SECOND = 1000
const MOST_SECONDS = 600
const MOST_TOKENS = 400

type Counting = { -readonly [Name in keyof MeasuredSecond]: MeasuredSecond[Name] }

export function createMeasurements(wallTime: () => number): MeasurementKeeper {
  let seconds: Counting[] = []
  let tokens: MeasuredToken[] = []

  /** The second that begins then; most often the latest. */
  function secondAt(at: number): Counting {
    let place = seconds.length
    while (place > 0 && (seconds[place - 1]?.at ?? 0) > at) place--
    const known = seconds[place - 1]
    if (known?.at === at) return known
    const next = { at, tokens: 0, tokensForOthers: 0, columnsForOthers: 0, gpuMs: 0, roundTrips: [] }
    seconds.splice(place, 0, next)
    if (seconds.length >= 2 * MOST_SECONDS) seconds = recent(at)
    return next
  }

  const beginOf = (time: number) => Math.floor(time / SECOND) * SECOND
  const present = () => secondAt(beginOf(wallTime()))

  const recent = (now: number) => seconds.filter(({ at }) => at > now - MOST_SECONDS * SECOND)

  return {
    token(own, { totalMs, computeMs, networkMs }, placement) {
      const second = present()
      if (!own) {
        second.tokensForOthers++
        return
      }
      second.tokens++
      // What a draft brought took no time of its own.
      if (totalMs <= 0 || !placement || placement.stages.length !== computeMs.length) return
      const stages = placement.stages.map(({ nodeId }, index) => ({ nodeId, ms: computeMs[index] ?? 0 }))
      tokens.push({ at: Math.round(wallTime()), totalMs, networkMs, stages })
      if (tokens.length >= 2 * MOST_TOKENS) tokens = tokens.slice(-MOST_TOKENS)
    },
    columns(count) {
      present().columnsForOthers += count
    },
    gpu(milliseconds) {
      // What took long counts in each of the seconds that it took.
      const end = wallTime()
      let from = Math.max(end - milliseconds, end - MOST_SECONDS * SECOND)
      while (from < end) {
        const at = beginOf(from)
        const until = Math.min(end, at + SECOND)
        secondAt(at).gpuMs += until - from
        from = until
      }
    },
    roundTrips(peers) {
      const known = peers.flatMap(({ id, roundTripMs }) =>
        roundTripMs === null ? [] : [{ peer: id, ms: roundTripMs }],
      )
      if (known.length > 0) present().roundTrips = known
    },
    read(since) {
      const at = Math.round(wallTime())
      return {
        at,
        seconds: recent(at)
          .filter((second) => second.at >= since)
          .map((second) => ({ ...second })),
        tokens: tokens.slice(-MOST_TOKENS).filter((token) => token.at >= since),
      }
    },
  }
}
