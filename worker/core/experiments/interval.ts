// A mean over seeds and its 95 % interval, by Student's t: with five seeds the normal's 1.96 would promise too much.

export interface MeanInterval {
  readonly mean: number
  /** Null for fewer than two values, of which no interval can be told. */
  readonly low: number | null
  readonly high: number | null
  readonly count: number
}

/** The 0.975 quantile of Student's t for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, table 1.3.6.7.2). */
const QUANTILES = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** At least one value. */
export function meanInterval(values: readonly number[]): MeanInterval {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  if (count < 2) return { mean, low: null, high: null, count }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1)
  // Beyond the table the quantile falls towards 1.960; the last entry is never too narrow.
  const quantile = QUANTILES[Math.min(count - 1, QUANTILES.length) - 1] as number
  const half = quantile * Math.sqrt(variance / count)
  return { mean, low: mean - half, high: mean + half, count }
}
