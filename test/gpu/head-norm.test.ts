import { afterAll, beforeAll, expect, test } from 'vitest'
import { rmsNorm } from '#core/numeric/rms-norm.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createHeadNorm } from '../../worker/gpu/kernels/head-norm.ts'
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

test.each([20, 64, 128])('every head of %i is normalised in place, columns past the step stay', async (headDim) => {
  const heads = 3
  const [x, w] = [randomValues(1, 4 * heads * headDim), randomValues(2, headDim)]
  const data = await createTensorFrom(gpu, 'data', x)
  const weight = await createTensorFrom(gpu, 'weight', w)
  const kernel = await createHeadNorm(gpu, { heads, headDim, epsilon: 1e-6, columns: 4 })
  step.write({ position: 0, columns: 3 })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, data, weight })], data)
  const end = 3 * heads * headDim
  expectClose(got.slice(0, end), rmsNorm(x.slice(0, end), w, 1e-6), 1e-6)
  expect(got.slice(end)).toEqual(x.slice(end))
})
