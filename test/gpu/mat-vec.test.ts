import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dequantise } from '#core/numeric/dequantise.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createMatVec } from '../../worker/gpu/kernels/mat-vec.ts'
import { BASE_PROFILE, shapesOf, type KernelProfile } from '../../worker/gpu/profile.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import {
  DTYPES,
  expectClose,
  expectSameBits,
  openGpu,
  randomBlocks,
  randomValues,
  runAndRead,
  uploadMatrix,
} from './support/gpu.ts'

const SHAPES = ['row1', 'slice4', 'slice16', 'subgroup'] as const
const ROWS = 83
// One of each way to unpack and scale; the other element types run one and two columns.
const EVERY_TIER = ['F32', 'Q4_0', 'Q4_1', 'Q6_K']
const profileOf = (matvec: KernelProfile['matvec']): KernelProfile => ({ ...BASE_PROFILE, matvec })
const widthOf = (dtype: string) => (dtype.endsWith('K') ? 768 : dtype.startsWith('Q') ? 224 : 228)

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

test('the test adapter runs every shape', () => {
  expect(shapesOf(gpu, 'matvec')).toEqual(SHAPES)
})

describe.each(SHAPES)('%s', (shape) => {
  test.each(DTYPES)(
    '%s agrees with the reference on rows that fill no tile, and a column ignores its neighbours',
    async (dtype) => {
      const width = widthOf(dtype)
      const bytes = randomBlocks(11, dtype, ROWS * width)
      const weights = dequantise(dtype, bytes)
      const matrix = await uploadMatrix(gpu, dtype, ROWS, width, bytes)
      const all = randomValues(5, 8 * width)
      const want = multiply({ weights, rows: ROWS, width, input: all })
      const alone: Float32Array[] = []
      for (const columns of EVERY_TIER.includes(dtype) ? [1, 2, 3, 8] : [1, 2]) {
        const kernel = await createMatVec(gpu, profileOf(shape), { dtype, columns })
        // Run the columns 0.. and, alone, each of them.
        for (let first = 0; first < (columns === 1 ? 8 : 1); first++) {
          const input = await createTensorFrom(gpu, 'input', all.slice(first * width, (first + columns) * width))
          const output = await createTensor(gpu, 'output', columns * ROWS)
          step.write({ position: 0, columns })
          const got = await runAndRead(gpu, kernel.dispatch({ step, matrix, input, output }), output)
          if (columns === 1) alone.push(got)
          else
            for (let c = 0; c < columns; c++)
              expectSameBits(got.slice(c * ROWS, (c + 1) * ROWS), alone[c] as Float32Array)
        }
      }
      const got = new Float32Array(8 * ROWS)
      alone.forEach((column, c) => got.set(column, c * ROWS))
      expectClose(got, want, 2e-6)
    },
  )

  test('bias and residual are added, and a rerun gives the same bits', async () => {
    const width = 256
    const bytes = randomBlocks(3, 'Q8_0', ROWS * width)
    const matrix = await uploadMatrix(gpu, 'Q8_0', ROWS, width, bytes)
    const [x, b, r] = [randomValues(1, 3 * width), randomValues(2, ROWS, 50), randomValues(3, 3 * ROWS, 50)]
    const input = await createTensorFrom(gpu, 'input', x)
    const bias = await createTensorFrom(gpu, 'bias', b)
    const kernel = await createMatVec(gpu, profileOf(shape), {
      dtype: 'Q8_0',
      columns: 3,
      bias: true,
      accumulate: true,
    })
    step.write({ position: 0, columns: 3 })
    const runs: Float32Array[] = []
    for (let run = 0; run < 3; run++) {
      const output = await createTensorFrom(gpu, 'output', r)
      runs.push(await runAndRead(gpu, kernel.dispatch({ step, matrix, input, output, bias }), output))
    }
    const want = multiply({ weights: dequantise('Q8_0', bytes), rows: ROWS, width, input: x, bias: b, base: r })
    expectClose(runs[0] as Float32Array, want, 2e-6)
    expectSameBits(runs[1] as Float32Array, runs[0] as Float32Array)
    expectSameBits(runs[2] as Float32Array, runs[0] as Float32Array)
  })
})

test('one column more than the step runs is not written', async () => {
  const matrix = await uploadMatrix(gpu, 'F32', 8, 32, randomBlocks(1, 'F32', 256))
  const kernel = await createMatVec(gpu, BASE_PROFILE, { dtype: 'F32', columns: 4 })
  const input = await createTensorFrom(gpu, 'input', randomValues(1, 4 * 32))
  const output = await createTensorFrom(gpu, 'output', new Float32Array(4 * 8).fill(7))
  step.write({ position: 0, columns: 2 })
  const got = await runAndRead(gpu, kernel.dispatch({ step, matrix, input, output }), output)
  expect([...got.slice(16)]).toEqual(Array(16).fill(7))
  expect([...got.slice(0, 16)]).not.toContain(7)
})

test('a matrix in slabs gives the bits of the matrix in one piece', async () => {
  const [rows, width] = [1000, 160]
  const small = await openGpu({ maxBindingBytes: 300 * 160 })
  const otherStep = await createStepBuffer(small)
  const bytes = randomBlocks(4, 'Q5_1', rows * width)
  const x = randomValues(6, 2 * width)
  const results: Float32Array[] = []
  for (const [context, contextStep, slabs] of [
    [gpu, step, 1],
    [small, otherStep, 4],
  ] as const) {
    const matrix = await uploadMatrix(context, 'Q5_1', rows, width, bytes, 333)
    if (context === small) expect(matrix.slabs.length).toBeGreaterThan(1)
    else expect(matrix.slabs.length).toBe(slabs)
    const input = await createTensorFrom(context, 'input', x)
    const output = await createTensor(context, 'output', 2 * rows)
    const kernel = await createMatVec(context, BASE_PROFILE, { dtype: 'Q5_1', columns: 2 })
    contextStep.write({ position: 0, columns: 2 })
    results.push(await runAndRead(context, kernel.dispatch({ step: contextStep, matrix, input, output }), output))
  }
  expectSameBits(results[1] as Float32Array, results[0] as Float32Array)
  expectClose(results[0] as Float32Array, multiply({ weights: dequantise('Q5_1', bytes), rows, width, input: x }), 2e-6)
  small.dispose()
})
