import { expect, test } from 'vitest'
import { learningRateAt } from '#core/training/learning-rate.ts'

const schedule = { peak: 1e-3, final: 1e-5, warmUpSteps: 10, steps: 111 }

test('warms up, peaks, and ends at the final rate', () => {
  expect(learningRateAt(schedule, 0)).toBeCloseTo(1e-4, 12)
  expect(learningRateAt(schedule, 9)).toBeCloseTo(1e-3, 12)
  expect(learningRateAt(schedule, 10)).toBeCloseTo(1e-3, 12)
  expect(learningRateAt(schedule, 60)).toBeCloseTo((1e-3 + 1e-5) / 2, 12)
  expect(learningRateAt(schedule, 110)).toBeCloseTo(1e-5, 12)
  expect(learningRateAt(schedule, 500)).toBeCloseTo(1e-5, 12)
})

test('needs no warm-up', () => {
  expect(learningRateAt({ ...schedule, warmUpSteps: 0 }, 0)).toBe(1e-3)
  expect(learningRateAt({ peak: 1, final: 0, warmUpSteps: 0, steps: 1 }, 0)).toBe(1)
})
