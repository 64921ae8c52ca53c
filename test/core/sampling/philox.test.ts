import { expect, test } from 'vitest'
import { philox4x32, uniformAt } from '#core/sampling/philox.ts'

// From Random123's kat_vectors, rows "philox4x32 10".
test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const)('gives the published answer for counter %j', (counter, key, answer) => {
  expect(philox4x32(counter, key)).toEqual(answer)
})

test('fills the unit interval evenly and differs by seed and by step', () => {
  const bins = new Array<number>(20).fill(0)
  const seen = new Set<number>()
  for (let step = 0; step < 20_000; step++) {
    const value = uniformAt(7, step)
    expect(value >= 0 && value < 1).toBe(true)
    seen.add(value)
    const bin = Math.floor(value * bins.length)
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  expect(seen.size).toBe(20_000)
  // Chi-square with 19 degrees of freedom; 43.8 is its 0.999 quantile.
  expect(bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(43.8)
  expect(uniformAt(8, 0)).not.toBe(uniformAt(7, 0))
  expect(uniformAt(7 + 2 ** 40, 0)).not.toBe(uniformAt(7, 0))
  expect(uniformAt(-7, 0)).not.toBe(uniformAt(7, 0))
})
