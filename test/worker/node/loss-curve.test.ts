import { expect, test } from 'vitest'
import { addPoint, curveUpTo } from '../../../worker/node/loss-curve.ts'
import type { LossPoint } from '../../../worker/node/lab-api.ts'

const curveOf = (steps: number) => {
  let curve: readonly LossPoint[] = []
  let longest = 0
  for (let step = 1; step <= steps; step++) {
    curve = addPoint(curve, { step, loss: 1 / step })
    longest = Math.max(longest, curve.length)
  }
  return { curve, longest }
}

test('a short curve keeps every point, a long one at most 300, evenly spread and with the last', () => {
  expect(curveOf(298).curve.map(({ step }) => step)).toEqual(Array.from({ length: 298 }, (_, i) => i + 1))
  const { curve, longest } = curveOf(5001)
  expect(longest).toBeLessThanOrEqual(300)
  expect(curve.length).toBeGreaterThan(140)
  expect(curve.at(-1)).toEqual({ step: 5001, loss: 1 / 5001 })
  const gaps = curve.slice(1, -1).map(({ step }, i) => step - (curve[i]?.step ?? NaN))
  expect(new Set(gaps).size).toBe(1)
})

test('goes on from a checkpoint as if it had never gone further', () => {
  const whole = curveOf(1000).curve
  let again = curveUpTo(curveOf(700).curve, 640)
  for (let step = 641; step <= 1000; step++) again = addPoint(again, { step, loss: 1 / step })
  expect(again).toEqual(whole)
})
