import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { erfc, logErfc, normalTail } from '#core/privacy/error-function.ts'
import { transform } from '#core/privacy/fourier.ts'
import { logBinomial, logGamma } from '#core/privacy/log-binomial.ts'
import { pldEpsilon } from '#core/privacy/pld-accountant.ts'
import { rdpEpsilon, rdpOfStep } from '#core/privacy/rdp-accountant.ts'

interface Reference {
  readonly rows: readonly {
    readonly sigma: number
    readonly q: number
    readonly steps: number
    readonly delta: number
    readonly epsilonRdp: number
    readonly epsilonPld: number
  }[]
  readonly rdpVector: {
    readonly sigma: number
    readonly q: number
    readonly steps: number
    readonly alpha: readonly number[]
    readonly rdp: readonly number[]
  }
}

const vectors = new URL('../../vectors/privacy/dp-reference.json', import.meta.url)
const reference = JSON.parse(readFileSync(vectors, 'utf8')) as Reference
const relative = (value: number, wanted: number) => Math.abs(value / wanted - 1)

/** The Rényi divergence of one step by the trapezoid rule over its defining integral. */
function integratedRdp(sigma: number, q: number, alpha: number): number {
  const step = sigma / 500
  let sum = 0
  for (let x = -12 * sigma; x < alpha + 12 * sigma; x += step) {
    const without = Math.exp((-x * x) / (2 * sigma * sigma)) / (sigma * Math.sqrt(2 * Math.PI))
    sum += step * without * (1 - q + q * Math.exp((2 * x - 1) / (2 * sigma * sigma))) ** alpha
  }
  return Math.log(sum) / (alpha - 1)
}

describe('special functions', () => {
  test('erfc, its logarithm and the normal tail have the tabulated values', () => {
    // Abramowitz and Stegun, tables 7.1 and 7.3; the last by mpmath.
    expect(relative(erfc(0.5), 0.4795001221869535)).toBeLessThan(1e-13)
    expect(relative(erfc(1.999), 0.0046983)).toBeLessThan(1e-4)
    expect(relative(erfc(3), 2.209049699858544e-5)).toBeLessThan(1e-13)
    expect(relative(erfc(-1), 1.8427007929497148)).toBeLessThan(1e-14)
    expect(relative(logErfc(30), -903.9741171106439)).toBeLessThan(1e-13)
    expect(relative(normalTail(1.959963984540054), 0.025)).toBeLessThan(1e-12)
    expect(relative(erfc(2 - 1e-9), erfc(2 + 1e-9))).toBeLessThan(1e-7)
  })

  test('gamma and binomials follow from their definitions', () => {
    expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 12)
    expect(logGamma(-1.5)).toBeCloseTo(Math.log((4 * Math.sqrt(Math.PI)) / 3), 12)
    expect(logBinomial(10, 3)).toBeCloseTo(Math.log(120), 12)
    expect(logBinomial(2.5, 2)).toBeCloseTo(Math.log(1.875), 12)
    expect(logBinomial(2.5, 4)).toBeCloseTo(Math.log(0.0390625), 12)
  })

  test('the Fourier transform is that of its definition, and its inverse undoes it', () => {
    const values = Array.from({ length: 16 }, (_, index) => Math.sin(index * index))
    const real = Float64Array.from(values)
    const imaginary = new Float64Array(16)
    transform(real, imaginary)
    for (let k = 0; k < 16; k++) {
      const sum = values.reduce((total, value, n) => total + value * Math.cos((2 * Math.PI * k * n) / 16), 0)
      expect(real[k]).toBeCloseTo(sum, 12)
    }
    transform(real, imaginary, true)
    for (const [index, value] of values.entries()) expect(real[index]).toBeCloseTo(value, 13)
  })
})

describe('accountants', () => {
  test.each(reference.rows)('give the reference at σ=$sigma q=$q T=$steps', (row) => {
    expect(relative(rdpEpsilon(row, row.steps, row.delta).epsilon, row.epsilonRdp)).toBeLessThan(1e-6)
    expect(relative(pldEpsilon(row, row.steps, row.delta), row.epsilonPld)).toBeLessThan(1e-5)
  })

  test('the Rényi divergence has the reference’s values by order, and never lies below the integral', () => {
    const { sigma, q, steps, alpha, rdp } = reference.rdpVector
    for (const [index, order] of alpha.entries()) {
      expect(relative(steps * rdpOfStep({ sigma, q }, order), rdp[index] ?? 0)).toBeLessThan(1e-8)
    }
    for (const order of [1.5, 2, 2.5, 4, 7.3]) {
      const exact = integratedRdp(1.2, 0.05, order)
      const given = rdpOfStep({ sigma: 1.2, q: 0.05 }, order)
      expect(given).toBeGreaterThan(exact * (1 - 1e-9))
      if (Number.isInteger(order)) expect(relative(given, exact)).toBeLessThan(1e-9)
    }
  })

  test('without sampling both come to the Gaussian mechanism’s own curve', () => {
    const sigma = 3
    const epsilon = pldEpsilon({ sigma, q: 1 }, 1, 1e-5)
    // Balle and Wang, arXiv 1805.06530, theorem 5.
    const delta =
      normalTail(epsilon * sigma - 1 / (2 * sigma)) - Math.exp(epsilon) * normalTail(epsilon * sigma + 1 / (2 * sigma))
    expect(relative(delta, 1e-5)).toBeLessThan(1e-3)
    expect(rdpOfStep({ sigma, q: 1 }, 5)).toBeCloseTo(5 / 18, 12)
  })

  test('the tighter figure is never the larger, and less privacy never costs less', () => {
    const mechanism = fc.record({
      sigma: fc.double({ min: 0.6, max: 4, noNaN: true }),
      q: fc.double({ min: 0.001, max: 0.2, noNaN: true }),
    })
    fc.assert(
      fc.property(mechanism, fc.integer({ min: 1, max: 300 }), ({ sigma, q }, steps) => {
        const at = (noise: number, rate: number, count: number) =>
          rdpEpsilon({ sigma: noise, q: rate }, count, 1e-5).epsilon
        const epsilon = at(sigma, q, steps)
        expect(at(sigma, q, steps + 50)).toBeGreaterThanOrEqual(epsilon)
        expect(at(sigma * 1.2, q, steps)).toBeLessThanOrEqual(epsilon)
        expect(at(sigma, q * 1.2, steps)).toBeGreaterThanOrEqual(epsilon)
      }),
      { numRuns: 40 },
    )
    for (const row of reference.rows.slice(5)) {
      expect(pldEpsilon(row, row.steps, row.delta)).toBeLessThan(rdpEpsilon(row, row.steps, row.delta).epsilon)
    }
  })

  test('hardly any noise gives a large figure and not a wrong one', () => {
    for (const sigma of [0.3, 0.04, 0.002]) {
      const mechanism = { sigma, q: 0.01 }
      const epsilon = pldEpsilon(mechanism, 10, 1e-5)
      expect(epsilon).toBeGreaterThan(1)
      expect(epsilon).toBeLessThanOrEqual(rdpEpsilon(mechanism, 10, 1e-5).epsilon)
    }
  })

  test('nothing done costs nothing, and values outside their range are refused by name', () => {
    expect(pldEpsilon({ sigma: 1, q: 0.1 }, 0, 1e-5)).toBe(0)
    expect(rdpEpsilon({ sigma: 1, q: 0 }, 100, 1e-5).epsilon).toBe(0)
    expect(() => rdpEpsilon({ sigma: 0, q: 0.1 }, 1, 1e-5)).toThrow(/sigma is 0/)
    expect(() => pldEpsilon({ sigma: 1, q: 1.5 }, 1, 1e-5)).toThrow(/q is 1.5/)
    expect(() => pldEpsilon({ sigma: 1, q: 0.5 }, 1.5, 1e-5)).toThrow(/steps is 1.5/)
    expect(() => rdpEpsilon({ sigma: 1, q: 0.5 }, 1, 0)).toThrow(/delta is 0/)
  })
})
