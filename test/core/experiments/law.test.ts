// The law of peers: found again where it was put in, near by where noise lies on it, and not where too few points were given.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLaw, lossAt, type Law } from '#core/experiments/law.ts'

const KS = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const pointsOf = (law: Pick<Law, 'floor' | 'gain' | 'offset'>) => KS.map((k) => ({ k, loss: lossAt(law, k) }))

describe('the law of peers', () => {
  it('is found again in points that follow it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        fc.double({ min: 0.05, max: 3, noNaN: true }),
        fc.double({ min: -0.5, max: 20, noNaN: true }),
        (floor, gain, offset) => {
          const law = fitLaw(pointsOf({ floor, gain, offset })) as Law
          expect(law.isOpen).toBe(false)
          expect(law.error).toBeLessThan(1e-6)
          for (const k of [1, 5, 9, 12]) expect(lossAt(law, k)).toBeCloseTo(lossAt({ floor, gain, offset }, k), 4)
        },
      ),
      { seed: 7, numRuns: 200 },
    )
  })

  it('tells a curve that does not bend', () => {
    const law = fitLaw(KS.map((k) => ({ k, loss: 3 - 0.01 * k }))) as Law
    expect(law.isOpen).toBe(true)
    expect(law.error).toBeGreaterThan(0)
  })

  it('has a negative gain where more peers make it worse', () => {
    const law = fitLaw(pointsOf({ floor: 2, gain: -0.5, offset: 1 })) as Law
    expect(law.gain).toBeCloseTo(-0.5, 4)
    expect(law.offset).toBeCloseTo(1, 3)
  })

  it('needs three numbers of peers', () => {
    expect(fitLaw([])).toBeNull()
    expect(
      fitLaw([
        { k: 1, loss: 2 },
        { k: 1, loss: 2.1 },
        { k: 2, loss: 1.9 },
      ]),
    ).toBeNull()
  })
})
