import { afterAll, beforeAll, expect, test } from 'vitest'
import { layerNorm } from '#core/numeric/layer-norm.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createLayerNorm } from '../../worker/gpu/kernels/layer-norm.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
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

const CASES = (['threads4', 'threads32', 'threads128'] as const).flatMap((norm) =>
  [12, 572, 2048].map((width) => ({ norm, width })),
)

test.each(CASES)(
  '$norm, width $width: agrees, also far from zero, and a column ignores its neighbours',
  async ({ norm, width }) => {
    const profile = { ...BASE_PROFILE, norm }
    const [x, w, b] = [randomValues(1, 5 * width, 3), randomValues(2, width), randomValues(3, width)]
    x.forEach((value, i) => (x[i] = value + 40))
    const [weight, bias, input] = await Promise.all([
      createTensorFrom(gpu, 'weight', w),
      createTensorFrom(gpu, 'bias', b),
      createTensorFrom(gpu, 'input', x),
    ])
    const kernel = await createLayerNorm(gpu, profile, { width, epsilon: 1e-5, columns: 5 })
    const output = await createTensorFrom(gpu, 'output', new Float32Array(5 * width).fill(9))
    step.write({ position: 0, columns: 4 })
    const got = await runAndRead(gpu, [kernel.dispatch({ step, input, weight, bias, output })], output)
    expectClose(got.slice(0, 4 * width), layerNorm(x.slice(0, 4 * width), w, b, 1e-5), 1e-5)
    expect(got.slice(4 * width).every((value) => value === 9)).toBe(true)
    const last = await createLayerNorm(gpu, profile, { width, epsilon: 1e-5, columns: 5, select: 'last' })
    const one = await createTensor(gpu, 'one', width)
    const alone = await runAndRead(gpu, [last.dispatch({ step, input, weight, bias, output: one })], one)
    expectSameBits(alone, got.slice(3 * width, 4 * width))
  },
)
