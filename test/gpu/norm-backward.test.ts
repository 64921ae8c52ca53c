import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { layerNormBackward, rmsNormBackward } from '#core/numeric/norm-backward.ts'
import { rmsNorm } from '#core/numeric/rms-norm.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createLayerNormBackward, createRmsNormBackward } from '../../worker/gpu/kernels/norm-backward.ts'
import { createNormWeightGradient, normScratch } from '../../worker/gpu/kernels/norm-weight-gradient.ts'
import { createRmsNorm } from '../../worker/gpu/kernels/rms-norm.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createStepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const EPSILON = 1e-5

describe.each(['threads4', 'threads128'] as const)('%s', (norm) => {
  const profile = { ...BASE_PROFILE, norm }

  test.each([
    ['rms', 132, 1],
    ['layer', 132, 1],
    ['layer', 20, 1],
    ['rms', 36, 3],
  ] as const)('%s norm of %i, %i rows a column: input and weight', async (kind, width, heads) => {
    const [columns, used] = [80, 71]
    const count = columns * heads * width
    const [x, w, g] = [randomValues(1, count, 3), randomValues(2, width), randomValues(3, count)]
    // A mean far from zero: the variance must be taken about it.
    x.forEach((value, i) => (x[i] = value + 5))
    const base = randomValues(4, count, 2)
    const step = await createStepBuffer(gpu, columns)
    step.write({ position: 0, columns: used })
    const input = await createTensorFrom(gpu, 'input', x)
    const weight = await createTensorFrom(gpu, 'weight', w)
    const outputGradient = await createTensorFrom(gpu, 'gradient', g)
    const stats = await createTensor(gpu, 'stats', columns * heads * 2)
    const kept = used * heads * width
    const backward = kind === 'rms' ? rmsNormBackward : layerNormBackward
    const want = backward(x.slice(0, kept), w, EPSILON, g.slice(0, kept))
    for (const accumulate of [false, true]) {
      const shape = { width, epsilon: EPSILON, columns, accumulate }
      const kernel =
        kind === 'rms'
          ? await createRmsNormBackward(gpu, profile, { ...shape, heads })
          : await createLayerNormBackward(gpu, profile, shape)
      const inputGradient = await createTensorFrom(gpu, 'input gradient', base)
      const dispatch = kernel.dispatch({ step, input, weight, outputGradient, inputGradient, stats })
      const got = await runAndRead(gpu, [dispatch], inputGradient)
      const sum = accumulate ? want.input.map((value, i) => value + (base[i] as number)) : want.input
      expectClose(got.slice(0, kept), sum, 4e-6)
      expectSameBits(got.slice(kept), base.slice(kept))
    }
    const shape = { width, columns, heads }
    const scratch = await createTensor(gpu, 'scratch', normScratch(shape))
    const sums = await createNormWeightGradient(gpu, shape)
    const weightGradient = await createTensor(gpu, 'weight gradient', width)
    const dispatches = sums.dispatch({ step, input, outputGradient, stats, weightGradient, scratch })
    const got = await runAndRead(gpu, dispatches, weightGradient)
    expectClose(got, want.weight, 1e-5)
    expectSameBits(await runAndRead(gpu, dispatches, weightGradient), got)
  })
})

test('the forward norms each head of a column into another buffer', async () => {
  const [width, heads, columns] = [16, 3, 5]
  const x = randomValues(1, columns * heads * width)
  const w = randomValues(2, width)
  const step = await createStepBuffer(gpu)
  step.write({ position: 0, columns })
  const input = await createTensorFrom(gpu, 'input', x)
  const weight = await createTensorFrom(gpu, 'weight', w)
  const output = await createTensor(gpu, 'output', x.length)
  const kernel = await createRmsNorm(gpu, BASE_PROFILE, { width, heads, columns, epsilon: EPSILON })
  const got = await runAndRead(gpu, [kernel.dispatch({ step, input, weight, output })], output)
  expectClose(got, rmsNorm(x, w, EPSILON), 1e-6)
  expect(got.some((value) => value !== 0)).toBe(true)
})
