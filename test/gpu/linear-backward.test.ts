import { afterAll, beforeAll, expect, test } from 'vitest'
import { dequantise } from '#core/numeric/dequantise.ts'
import { columnSum, linearInputGradient, linearWeightGradient } from '#core/numeric/linear-backward.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { columnSumScratch, createColumnSum } from '../../worker/gpu/kernels/column-sum.ts'
import { createGemm } from '../../worker/gpu/kernels/gemm.ts'
import { createLinearInputGradient } from '../../worker/gpu/kernels/linear-input-gradient.ts'
import { createLinearWeightGradient, weightGradientScratch } from '../../worker/gpu/kernels/linear-weight-gradient.ts'
import { BASE_PROFILE, type KernelProfile } from '../../worker/gpu/profile.ts'
import { createStepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { createTrainableMatrix, matrixElements, packMatrix, unpackMatrix } from '../../worker/gpu/trainable-matrix.ts'
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

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const TILED: KernelProfile = { ...BASE_PROFILE, gemm: 'tiled' }
// The tiled shapes, slow to compile on a CPU adapter, are tried on one of each way to unpack and scale.
const INPUT_CASES = [
  ...DTYPES.map((dtype) => ({ shape: 'registers', dtype, profile: BASE_PROFILE })),
  ...(['F32', 'Q4_K', 'Q6_K'] as const).map((dtype) => ({ shape: 'tiled', dtype, profile: TILED })),
]
const widthOf = (dtype: string) => (dtype.endsWith('K') ? 512 : dtype.startsWith('Q') ? 224 : 228)

test.each(INPUT_CASES)('input gradient over $dtype, $shape; columns past the step stay', async ({ dtype, profile }) => {
  const [rows, width, columns] = [45, widthOf(dtype), 13]
  const bytes = randomBlocks(12, dtype, rows * width)
  const matrix = await uploadMatrix(gpu, dtype, rows, width, bytes)
  const step = await createStepBuffer(gpu)
  step.write({ position: 0, columns })
  const g = randomValues(5, 20 * rows)
  const kernel = await createLinearInputGradient(gpu, profile, { dtype, columns: 20 })
  const outputGradient = await createTensorFrom(gpu, 'gradient', g)
  const run = async () => {
    const inputGradient = await createTensorFrom(gpu, 'input gradient', new Float32Array(20 * width).fill(7))
    return runAndRead(gpu, kernel.dispatch({ step, matrix, outputGradient, inputGradient }), inputGradient)
  }
  const got = await run()
  const want = linearInputGradient(dequantise(dtype, bytes), rows, width, g.slice(0, columns * rows))
  expectClose(got.slice(0, columns * width), want, 4e-6)
  expect(got.slice(columns * width).every((value) => value === 7)).toBe(true)
  expectSameBits(await run(), got)
})

test('input gradient adds up over slabs, into what is there', async () => {
  const [rows, width, columns] = [600, 64, 9]
  const small = await openGpu({ maxBindingBytes: 256 * 64 * 4 })
  const bytes = randomBlocks(3, 'F32', rows * width)
  const matrix = await uploadMatrix(small, 'F32', rows, width, bytes)
  expect(matrix.slabs.length).toBe(3)
  const step = await createStepBuffer(small)
  step.write({ position: 0, columns })
  const [g, base] = [randomValues(1, columns * rows), randomValues(2, columns * width, 9)]
  const outputGradient = await createTensorFrom(small, 'gradient', g)
  for (const accumulate of [false, true]) {
    const kernel = await createLinearInputGradient(small, BASE_PROFILE, { dtype: 'F32', columns, accumulate })
    const inputGradient = await createTensorFrom(small, 'input gradient', base)
    const got = await runAndRead(small, kernel.dispatch({ step, matrix, outputGradient, inputGradient }), inputGradient)
    const product = linearInputGradient(dequantise('F32', bytes), rows, width, g)
    expectClose(got, accumulate ? product.map((value, i) => value + (base[i] as number)) : product, 4e-6)
  }
  small.dispose()
})

// One chunk and several; wide and narrow (a LoRA B); rows and inputs that fill no tile.
test.each([
  [13, 36, 40, BASE_PROFILE],
  [384, 128, 300, BASE_PROFILE],
  [37, 8, 520, BASE_PROFILE],
  [8, 130, 700, BASE_PROFILE],
  [5, 3, 150, BASE_PROFILE],
  [77, 132, 300, TILED],
  [8, 130, 300, TILED],
])('weight gradient of %i x %i over %i columns, written and added', async (rows, width, columns, profile) => {
  const padded = Math.ceil(width / 4) * 4
  const used = columns - 3
  const step = await createStepBuffer(gpu, columns)
  step.write({ position: 0, columns: used })
  const [x, g] = [randomValues(1, columns * padded), randomValues(2, columns * rows)]
  const base = randomValues(3, rows * width, 5)
  const input = await createTensorFrom(gpu, 'input', x)
  const outputGradient = await createTensorFrom(gpu, 'gradient', g)
  const matrix = await createTrainableMatrix(gpu, 'weights', rows, width)
  const shape = { rows, width, columns }
  const scratch = await createTensor(gpu, 'scratch', weightGradientScratch(shape))
  const narrowed = Float32Array.from({ length: used * width }, (_, i) => {
    return x[Math.floor(i / width) * padded + (i % width)] as number
  })
  const product = linearWeightGradient(rows, width, narrowed, g.slice(0, used * rows))
  for (const accumulate of [false, true]) {
    const kernel = await createLinearWeightGradient(gpu, profile, { ...shape, accumulate })
    const run = async () => {
      const weightGradient = await createTensorFrom(gpu, 'weight gradient', packMatrix(base, rows, width))
      expect(weightGradient.elements).toBe(matrixElements(rows, width))
      const dispatches = kernel.dispatch({ step, matrix, input, outputGradient, weightGradient, scratch })
      return runAndRead(gpu, dispatches, weightGradient)
    }
    const got = await run()
    const want = accumulate ? product.map((value, i) => value + (base[i] as number)) : product
    expectClose(unpackMatrix(got, rows, width), want, 4e-6)
    if (padded === width) expectSameBits(got, packMatrix(unpackMatrix(got, rows, width), rows, width))
    expectSameBits(await run(), got)
  }
})

test('column sum', async () => {
  const [width, columns] = [70, 200]
  const step = await createStepBuffer(gpu, columns)
  step.write({ position: 0, columns: 150 })
  const values = randomValues(1, columns * width)
  const base = randomValues(2, width)
  const data = await createTensorFrom(gpu, 'data', values)
  const scratch = await createTensor(gpu, 'scratch', columnSumScratch({ width, columns }))
  const product = columnSum(width, values.slice(0, 150 * width))
  for (const accumulate of [false, true]) {
    const kernel = await createColumnSum(gpu, { width, columns, accumulate })
    const sum = await createTensorFrom(gpu, 'sum', base)
    const got = await runAndRead(gpu, kernel.dispatch({ step, data, sum, scratch }), sum)
    expectClose(got, accumulate ? product.map((value, i) => value + (base[i] as number)) : product, 2e-6)
  }
})

test('the forward product runs a whole batch as one step', async () => {
  const [rows, width, columns] = [24, 32, 300]
  const weights = randomValues(1, rows * width)
  const { matrix } = await createTrainableMatrix(gpu, 'weights', rows, width, weights)
  const step = await createStepBuffer(gpu, columns)
  step.write({ position: 0, columns })
  const x = randomValues(2, columns * width)
  const input = await createTensorFrom(gpu, 'input', x)
  const output = await createTensor(gpu, 'output', columns * rows)
  const kernel = await createGemm(gpu, BASE_PROFILE, { dtype: 'F32', columns })
  const got = await runAndRead(gpu, kernel.dispatch({ step, matrix, input, output }), output)
  expectClose(got, multiply({ weights, rows, width, input: x }), 2e-6)
})
