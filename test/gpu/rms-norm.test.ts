import { afterAll, beforeAll, expect, test } from 'vitest'
import { rmsNorm } from '#core/numeric/rms-norm.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createRmsNorm } from '../../worker/gpu/kernels/rms-norm.ts'
import { BASE_PROFILE, shapesOf } from '../../worker/gpu/profile.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

const CASES = shapesOf({ info: { subgroups: false } as GpuContext['info'] }, 'norm').flatMap((norm) =>
  [12, 572, 2048].map((width) => ({ norm, width })),
)

test.each(CASES)('$norm, width $width: agrees, and a column ignores its neighbours', async ({ norm, width }) => {
  const profile = { ...BASE_PROFILE, norm }
  const [x, w] = [randomValues(1, 5 * width, 3), randomValues(2, width)]
  const weight = await createTensorFrom(gpu, 'weight', w)
  const input = await createTensorFrom(gpu, 'input', x)
  const kernel = await createRmsNorm(gpu, profile, { width, epsilon: 1e-5, columns: 5 })
  const output = await createTensorFrom(gpu, 'output', new Float32Array(5 * width).fill(9))
  step.write({ position: 0, columns: 4 })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, input, weight, output })], output)
  expectClose(got.slice(0, 4 * width), rmsNorm(x.slice(0, 4 * width), w, 1e-5), 1e-6)
  expect(got.slice(4 * width).every((value) => value === 9)).toBe(true)
  const last = await createRmsNorm(gpu, profile, { width, epsilon: 1e-5, columns: 5, select: 'last' })
  const one = await createTensor(gpu, 'one', width)
  const alone = await runAndRead(gpu, [last.dispatch({ step, input, weight, output: one })], one)
  expectSameBits(alone, got.slice(3 * width, 4 * width))
})
