import { describe, expect, test } from 'vitest'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'
import { philox4x32 } from '#core/sampling/philox.ts'
import {
  affordableSteps,
  checkPrivateTerms,
  mayStep,
  privacyStatement,
  spentEpsilon,
} from '#core/training/private-account.ts'
import { drawGaussians, drawPoissonSample } from '#core/training/secure-gaussian.ts'

/** A source that can be foretold, for tests only. */
function seededBytes(seed: number): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const words = new Uint32Array(length / 4)
    for (let i = 0; i < words.length; i += 4) words.set(philox4x32([counter++, 0, 0, 0], [seed, 0]), i)
    return new Uint8Array(words.buffer)
  }
}

const TERMS = { noiseMultiplier: 1, sampleRate: 0.02, clipNorm: 0.5, delta: 1e-5, budget: 2 }

test('noise is standard normal', () => {
  const values = drawGaussians(40_000, seededBytes(1))
  const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length
  expect(Math.abs(moment(1))).toBeLessThan(0.02)
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03)
  expect(Math.abs(moment(3))).toBeLessThan(0.06)
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15)
  expect(values.filter((value) => Math.abs(value) > 1.96).length / values.length).toBeCloseTo(0.05, 2)
})

test('a Poisson sample takes each by itself', () => {
  const random = seededBytes(2)
  const sizes = Array.from({ length: 400 }, () => drawPoissonSample(200, 0.1, random).length)
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length
  const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / sizes.length
  expect(Math.abs(mean - 20)).toBeLessThan(1)
  // That of a binomial; batches of one size would have none.
  expect(Math.abs(variance - 18)).toBeLessThan(5)
  expect(drawPoissonSample(5, 1, random)).toEqual([0, 1, 2, 3, 4])
})

describe('the account', () => {
  test('spends what the accountants say, and stops before the budget', () => {
    const steps = affordableSteps(TERMS, 10_000)
    expect(spentEpsilon(TERMS, steps)).toBeLessThanOrEqual(2)
    expect(spentEpsilon(TERMS, steps + 1)).toBeGreaterThan(2)
    expect([mayStep(TERMS, steps - 1), mayStep(TERMS, steps)]).toEqual([true, false])
    expect(spentEpsilon(TERMS, 50)).toBe(rdpEpsilon({ sigma: 1, q: 0.02 }, 50, 1e-5).epsilon)
    expect(affordableSteps(TERMS, 3)).toBe(3)
  })

  test('states both figures, the tighter one smaller', () => {
    const statement = privacyStatement(TERMS, 20, 'one document')
    expect(statement).toMatchObject({ sampling: 'poisson', steps: 20, delta: 1e-5, unit: 'one document' })
    expect(statement.epsilonPld).toBeLessThan(statement.epsilonRdp)
  })

  test('refuses terms that promise nothing', () => {
    expect(() => checkPrivateTerms({ ...TERMS, delta: 0.1 }, 100)).toThrow(/too large for 100 examples/)
    expect(() => checkPrivateTerms({ ...TERMS, budget: 0.001 }, 100)).toThrow(/does not allow a single step/)
  })
})
