import { afterAll, beforeAll, expect, test } from 'vitest'

import type { GpuContext } from '../../worker/gpu/context.ts'
import { createAdd } from '../../worker/gpu/kernels/add.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

test.each([3, 100, 1536])('width %i, from tiny to huge values; columns past the step stay', async (width) => {
  const values = randomValues(1, 5 * width)
  // Magnitudes from 1e-3 to 200, where the exponential saturates.
  values.forEach((value, i) => (values[i] = value * 10 ** ((i % 54) / 10 - 3)))
  const second = randomValues(2, 5 * width)
  const sum = await createTensorFrom(gpu, 'sum', values)
  const other = await createTensorFrom(gpu, 'other', second)
  const kernel = await createAdd(gpu, { width, columns: 5 })
  step.write({ position: 0, columns: 4 })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, sum, term: other })], sum)
  const [a, b] = [values.slice(0, 4 * width), second.slice(0, 4 * width)]
  expectClose(
    got.slice(0, 4 * width),
    a.map((value, i) => value + (b[i] as number)),
    0,
  )
  expect(got.slice(4 * width)).toEqual(values.slice(4 * width))
})
