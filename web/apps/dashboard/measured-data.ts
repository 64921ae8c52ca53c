// What was measured, as the lines of charts: throughput, the GPU at work, where a token's time goes, and round trips. Plain functions.

import type { MeasuredSecond, MeasuredToken, Measurements } from '../../../worker/node/limits-api.ts'
import type { ChartData, ChartLine } from './line-chart.ts'

const SHOWN_MS = 600_000
const SECOND = 1000
/** A round trip counts until the next is due, and somewhat longer. */
const FRESH_SECONDS = 6

/** What was known and what came since, without what is too old to be shown. */
export function mergeMeasurements(known: Measurements | null, more: Measurements): Measurements {
  const first = more.seconds[0]?.at ?? Infinity
  const firstToken = more.tokens[0]?.at ?? Infinity
  const oldest = more.at - SHOWN_MS
  const seconds = [...(known?.seconds.filter(({ at }) => at < first) ?? []), ...more.seconds]
  const tokens = [...(known?.tokens.filter(({ at }) => at < firstToken) ?? []), ...more.tokens]
  return { at: more.at, seconds: seconds.filter(({ at }) => at >= oldest), tokens: tokens.slice(-MOST_TOKENS) }
}

const MOST_TOKENS = 400

/** A value for each of the last ten minutes' seconds: 0 where nothing was measured. */
function perSecond({ at, seconds }: Measurements, value: (second: MeasuredSecond) => number) {
  const end = Math.floor(at / SECOND)
  const count = SHOWN_MS / SECOND
  const values = new Array<number>(count + 1).fill(0)
  for (const second of seconds) {
    const place = Math.round(second.at / SECOND) - end + count
    if (place >= 0 && place <= count) values[place] = value(second)
  }
  return values
}

type Kind = Pick<ChartData, 'least' | 'format' | 'formatX'>
/** Of charts over the last ten minutes, in seconds. */
const xSteps = [60, 120, 300, 600]
export interface Named {
  readonly label: string
  readonly colour: string
  readonly dashed?: boolean
  value(second: MeasuredSecond): number
}

export function overSeconds(measured: Measurements, named: readonly Named[], kind: Kind): ChartData {
  const lines = named.map(({ value, ...about }): ChartLine => ({
    ...about,
    // The present second is not over.
    values: perSecond(measured, value).slice(0, -1),
  }))
  return { ...kind, xSteps, x: ages().slice(0, -1), lines, range: [-SHOWN_MS / SECOND, 0] }
}

/** Seconds before now, below zero. */
const ages = () => Array.from({ length: SHOWN_MS / SECOND + 1 }, (_, index) => index - SHOWN_MS / SECOND)

export function roundTripLines(
  { at, seconds }: Measurements,
  about: (peer: string) => Omit<ChartLine, 'values'>,
  kind: Kind,
): ChartData {
  const peers = [...new Set(seconds.flatMap(({ roundTrips }) => roundTrips.map(({ peer }) => peer)))].sort()
  const end = Math.floor(at / SECOND)
  const count = SHOWN_MS / SECOND
  const lines = peers.map((id): ChartLine => {
    const values = new Array<number | null>(count + 1).fill(null)
    for (const second of seconds) {
      const ms = second.roundTrips.find(({ peer }) => peer === id)?.ms
      const place = Math.round(second.at / SECOND) - end + count
      if (ms === undefined) continue
      for (let more = 0; more < FRESH_SECONDS && place + more <= count; more++) {
        if (place + more >= 0) values[place + more] = ms
      }
    }
    return { ...about(id), values }
  })
  return { ...kind, xSteps, x: ages(), lines, range: [-count, 0] }
}

/** Each token's time by node, in order of the pipeline, and on the wire, stacked. */
export function tokenLines(
  tokens: readonly MeasuredToken[],
  about: (nodeId: string | null) => Omit<ChartLine, 'values'>,
  kind: Kind & Pick<ChartData, 'caption'>,
): ChartData {
  const nodes = [...new Set(tokens.flatMap(({ stages }) => stages.map(({ nodeId }) => nodeId)))]
  const ofNode = (id: string) =>
    tokens.map(({ stages }) => stages.filter(({ nodeId }) => nodeId === id).reduce((sum, { ms }) => sum + ms, 0))
  const wire = tokens.map(({ networkMs }) => networkMs)
  const lines = [
    ...nodes.map((id): ChartLine => ({ ...about(id), values: ofNode(id) })),
    ...(wire.some((ms) => ms > 0) ? [{ ...about(null), values: wire }] : []),
  ]
  const x = tokens.map((_, index) => index - tokens.length + 1)
  return { ...kind, x, lines, range: [Math.min(-MOST_TOKENS / 8, x[0] ?? 0), 0], stacked: true }
}
