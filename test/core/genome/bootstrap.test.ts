// The interval of a mean change: it holds the mean, narrows with more probes, and covers the truth about as often as it says.

import { expect, test } from 'vitest'
import { bootstrapChange, type PairedLoss } from '#core/genome/bootstrap.ts'
import { drawUniform } from '#core/training/random-streams.ts'

/** Probes of `tokens` tokens whose change has the mean `mean`, with a spread of about half a nat. */
function probesOf(count: number, mean: number, seed: number, tokens = 10): PairedLoss[] {
  return Array.from({ length: count }, (_, i) => {
    const noise = [0, 1, 2].reduce((sum, part) => sum + drawUniform(seed, 'initial', i, part) - 0.5, 0)
    return { before: 3 * tokens, after: (3 + mean + noise) * tokens, tokens }
  })
}

test('it is the same for the same probes, and holds their mean', () => {
  const probes = probesOf(40, -0.3, 1)
  const interval = bootstrapChange(probes, 0.95, 7)
  expect(interval).toEqual(bootstrapChange(probes, 0.95, 7))
  expect(interval.low).toBeLessThan(interval.mean)
  expect(interval.high).toBeGreaterThan(interval.mean)
  expect(bootstrapChange(probes, 0.95, 8)).not.toEqual(interval)
})

test('more probes narrow it, and a higher confidence widens it', () => {
  const width = (count: number, confidence: number) => {
    const { low, high } = bootstrapChange(probesOf(count, 0, 2), confidence, 1)
    return high - low
  }
  expect(width(160, 0.95)).toBeLessThan(width(20, 0.95))
  expect(width(40, 0.99)).toBeGreaterThan(width(40, 0.8))
})

test('long probes count for more than short ones', () => {
  const probes = [
    { before: 100, after: 0, tokens: 100 },
    { before: 0, after: 10, tokens: 10 },
  ]
  expect(bootstrapChange(probes, 0.95, 1).mean).toBeCloseTo(-90 / 110, 12)
})

test('it covers the true change in about 95 of 100 cases', () => {
  let covered = 0
  for (let seed = 0; seed < 60; seed++) {
    const { low, high } = bootstrapChange(probesOf(48, -0.2, 100 + seed), 0.95, seed)
    if (low <= -0.2 && high >= -0.2) covered++
  }
  // The percentile interval is a little narrow for few probes.
  expect(covered).toBeGreaterThanOrEqual(51)
  expect(covered).toBeLessThan(60)
})
