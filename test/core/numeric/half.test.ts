// Rounding to 16 bits: every value comes back, midpoints go to even, everything else to the nearer neighbour.

import { expect, test } from 'vitest'
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '#core/numeric/half.ts'

test.each([
  ['binary16', halfToFloat, floatToHalf, 0x7c00],
  ['bfloat16', bfloatToFloat, floatToBfloat, 0x7f80],
] as const)('%s', (_name, toFloat, toBits, infinity) => {
  const wrong: string[] = []
  const expectBits = (value: number, bits: number): void => {
    if (toBits(value) !== bits) wrong.push(`${value} gave ${toBits(value)}, not ${bits}`)
  }
  for (const sign of [0, 0x8000]) {
    for (let bits = 0; bits <= infinity; bits++) {
      const value = toFloat(sign | bits)
      expectBits(value, sign | bits)
      if (bits + 1 >= infinity) continue
      const next = toFloat(sign | (bits + 1))
      // Exact in f32 for binary16 (24 bits hold 11 + 1), and for bfloat16 (24 hold 8 + 1) but for the last subnormal bits.
      const middle = value + (next - value) / 2
      expectBits(middle, sign | (bits + (bits & 1)))
      expectBits(Math.fround(value + (next - value) * 0.49), sign | bits)
      expectBits(Math.fround(value + (next - value) * 0.51), sign | (bits + 1))
    }
  }
  expect(wrong.slice(0, 5)).toEqual([])
  expect(toBits(Infinity)).toBe(infinity)
  expect(toBits(3.4e38)).toBe(infinity)
  expect(toBits(-3.4e38)).toBe(infinity | 0x8000)
  expect(toFloat(toBits(NaN))).toBeNaN()
})

test('the largest binary16 is not passed too early', () => {
  expect(halfToFloat(floatToHalf(65_519))).toBe(65_504)
  expect(floatToHalf(65_520)).toBe(0x7c00)
})
