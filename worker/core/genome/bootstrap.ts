// How sure one can be of a mean difference: the percentile bootstrap over paired probes (Efron and Tibshirani, An
// Introduction to the Bootstrap, 1993, ch. 13), with seeded draws, so that the same probes give the same interval.

import { drawUniform } from '#core/training/random-streams.ts'

export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** What one probe (a sequence) lost with and without the change, in nats over its tokens. */
export interface PairedLoss {
  readonly before: number
  readonly after: number
  readonly tokens: number
}

const RESAMPLES = 1000

/** Mean change in nats a token over all probes; each resample draws as many probes as there are. */
export function bootstrapChange(probes: readonly PairedLoss[], confidence: number, seed: number): Interval {
  const means = new Float64Array(RESAMPLES)
  for (let resample = 0; resample < RESAMPLES; resample++) {
    means[resample] = meanChange(
      probes.map((_, i) => {
        const drawn = Math.floor(drawUniform(seed, 'resample', i, resample) * probes.length)
        return probes[drawn] as PairedLoss
      }),
    )
  }
  means.sort()
  const at = (share: number) =>
    means[Math.min(RESAMPLES - 1, Math.max(0, Math.round(share * (RESAMPLES - 1))))] as number
  return { mean: meanChange(probes), low: at((1 - confidence) / 2), high: at((1 + confidence) / 2) }
}

function meanChange(probes: readonly PairedLoss[]): number {
  const sum = (pick: (probe: PairedLoss) => number) => probes.reduce((total, probe) => total + pick(probe), 0)
  return sum(({ before, after }) => after - before) / sum(({ tokens }) => tokens)
}
