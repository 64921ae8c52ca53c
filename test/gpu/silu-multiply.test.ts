import { afterAll, beforeAll, expect, test } from 'vitest'
import { siluMultiply } from '#core/numeric/silu-multiply.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createSiluMultiply } from '../../worker/gpu/kernels/silu-multiply.ts'
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
  const gate = await createTensorFrom(gpu, 'gate', values)
  const other = await createTensorFrom(gpu, 'other', second)
  const kernel = await createSiluMultiply(gpu, { width, columns: 5 })
  step.write({ position: 0, columns: 4 })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, gate, up: other })], gate)
  const [a, b] = [values.slice(0, 4 * width), second.slice(0, 4 * width)]
  expectClose(got.slice(0, 4 * width), siluMultiply(a, b), 1e-6)
  expect(got.slice(4 * width)).toEqual(values.slice(4 * width))
})
