// What the cells of a run say: each measure of each arm with its interval over the seeds, and what exchanging changed beside
// training alone, seed by seed.

import type { Experiment } from '#core/experiments/experiment.ts'
import { meanInterval, type MeanInterval } from '#core/experiments/interval.ts'
import { deltasOf, type Cell } from '#core/experiments/result.ts'

export const MEASURES = ['own', 'generalist', 'cross', 'accepted'] as const
export type Measure = (typeof MEASURES)[number]

export interface ReportRow {
  readonly arm: string
  readonly measure: Measure
  /** Of the arm itself; null where the arm has no such measure. */
  readonly interval: MeanInterval | null
  /** Less the same measure of the arm that exchanges nothing, of the same seeds; null where there is none. */
  readonly lift: MeanInterval | null
}

export interface Report {
  readonly rows: readonly ReportRow[]
  /** Finished, of those there will be. */
  readonly cells: readonly [done: number, all: number]
}

export function reportOf(experiment: Experiment, cells: readonly Cell[]): Report {
  const alone = experiment.arms.find(({ exchange }) => exchange.kind === 'none')?.name
  const rows = experiment.arms.flatMap(({ name: arm }) =>
    MEASURES.map((measure): ReportRow => {
      const values = new Map(
        cells.flatMap((cell) => {
          const value = cell.arm === arm ? measureOf(cell, measure) : null
          return value === null ? [] : [[cell.seed, value] as const]
        }),
      )
      const pairs = cells.flatMap((cell) => {
        const value = values.get(cell.seed)
        const before = cell.arm === alone && arm !== alone ? measureOf(cell, measure) : null
        return value === undefined || before === null ? [] : [value - before]
      })
      return {
        arm,
        measure,
        interval: values.size > 0 ? within(measure, meanInterval([...values.values()])) : null,
        lift: pairs.length > 0 && measure !== 'accepted' ? meanInterval(pairs) : null,
      }
    }),
  )
  return { rows, cells: [cells.length, experiment.seeds.length * experiment.arms.length] }
}

/** Student's interval knows nothing of bounds; a share has them. */
function within(measure: Measure, interval: MeanInterval): MeanInterval {
  const { low, high } = interval
  if (measure !== 'accepted' || low === null || high === null) return interval
  return { ...interval, low: Math.max(0, low), high: Math.min(1, high) }
}

export function measureOf(cell: Cell, measure: Measure): number | null {
  if (measure === 'accepted') return cell.offers === 0 ? null : cell.accepted / cell.offers
  return deltasOf(cell)[measure]
}
