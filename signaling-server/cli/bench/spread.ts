// Median and extremes of repeated measurements.

import { formatFigure } from '../format.ts'

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly repeats: number
}

/** `values` must not be empty. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const lower = sorted[Math.floor(middle)]
  const upper = sorted[Math.ceil(middle)]
  const least = sorted[0]
  const most = sorted.at(-1)
  if (lower === undefined || upper === undefined || least === undefined || most === undefined) {
    throw new RangeError('A spread needs at least one value.')
  }
  return { median: (lower + upper) / 2, least, most, repeats: sorted.length }
}

/** Three significant digits with the extremes, as in "12.3 (11.9 to 14.0)". */
export function formatSpread({ median, least, most }: Spread): string {
  return `${formatFigure(median)} (${formatFigure(least)} to ${formatFigure(most)})`
}
