import { afterAll, beforeAll, expect, test } from 'vitest'
import { gelu } from '#core/numeric/gelu.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createGelu } from '../../worker/gpu/kernels/gelu.ts'
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
  const data = await createTensorFrom(gpu, 'data', values)
  const kernel = await createGelu(gpu, { width, columns: 5 })
  step.write({ position: 0, columns: 4 })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, data })], data)
  expectClose(got.slice(0, 4 * width), gelu(values.slice(0, 4 * width)), 1e-6)
  expect(got.slice(4 * width)).toEqual(values.slice(4 * width))
})
