// A report as lines of text, for a terminal: the measures of every arm with their intervals, beside what was published.

import type { Experiment } from '#core/experiments/experiment.ts'
import type { MeanInterval } from '#core/experiments/interval.ts'
import { findPublished } from '#core/experiments/published.ts'
import { reportOf, type Measure } from '#core/experiments/report.ts'
import type { Cell } from '#core/experiments/result.ts'

const TITLES: Readonly<Record<Measure, string>> = {
  own: 'own Δ',
  generalist: 'generalist Δ',
  cross: 'cross Δ',
  accepted: 'accepted',
}

export function describeReport(experiment: Experiment, cells: readonly Cell[]): string[] {
  const { rows, cells: counts } = reportOf(experiment, cells)
  const published = findPublished(experiment.name)?.published
  const line = (...columns: readonly string[]) => columns.map((text, i) => text.padEnd(i === 0 ? 16 : 32)).join('')
  const shown = rows.filter(({ interval }) => interval !== null)
  return [
    `${counts[0]} of ${counts[1]} cells. Δ is held-out loss before less after, in nats a token: above zero is better.`,
    line('arm', 'measure', 'mean [95 % interval]', 'beside own only', 'published'),
    ...shown.map(({ arm, measure, interval, lift }) =>
      line(
        arm,
        TITLES[measure],
        interval ? words(interval, measure) : '',
        lift ? words(lift, measure) : '',
        published &&
          published[measure] !== null &&
          experiment.arms.find(({ name }) => name === arm)?.exchange.kind === 'mix'
          ? figure(published[measure], measure)
          : '',
      ).trimEnd(),
    ),
  ]
}

function words({ mean, low, high }: MeanInterval, measure: Measure): string {
  const interval = low === null || high === null ? '' : ` [${figure(low, measure)}, ${figure(high, measure)}]`
  return `${figure(mean, measure)}${interval}`
}

const figure = (value: number, measure: Measure): string =>
  measure === 'accepted' ? `${(100 * value).toFixed(1)} %` : `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(4)}`
