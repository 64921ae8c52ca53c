import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DType } from '#core/formats/tensor-entry.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createGemm } from '../../worker/gpu/kernels/gemm.ts'
import { BASE_PROFILE, type KernelProfile } from '../../worker/gpu/profile.ts'
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

const SHAPES = ['registers', 'tiled'] as const
const ROWS = 139
// The tiled shape, slow to compile on a CPU adapter, is tried on one of each way to unpack and scale.
const TYPES: Record<(typeof SHAPES)[number], DType[]> = {
  registers: DTYPES,
  tiled: ['F32', 'Q4_K', 'Q6_K'],
}
const profileOf = (gemm: KernelProfile['gemm']): KernelProfile => ({ ...BASE_PROFILE, gemm })
const widthOf = (dtype: string) => (dtype.endsWith('K') ? 512 : dtype.startsWith('Q') ? 224 : 228)

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

describe.each(SHAPES)('%s', (shape) => {
  test.each(TYPES[shape])('%s agrees with the reference on shapes that fill no tile', async (dtype) => {
    const width = widthOf(dtype)
    const bytes = randomBlocks(12, dtype, ROWS * width)
    const matrix = await uploadMatrix(gpu, dtype, ROWS, width, bytes, 64)
    const columns = 77
    const x = randomValues(5, 128 * width)
    const kernel = await createGemm(gpu, profileOf(shape), { dtype, columns: 128 })
    const input = await createTensorFrom(gpu, 'input', x)
    const output = await createTensorFrom(gpu, 'output', new Float32Array(128 * ROWS).fill(7))
    step.write({ position: 0, columns })
    const dispatches = kernel.dispatch({ step, matrix, input, output })
    const got = await runAndRead(gpu, dispatches, output)
    const want = multiply({ weights: dequantise(dtype, bytes), rows: ROWS, width, input: x.slice(0, columns * width) })
    expectClose(got.slice(0, columns * ROWS), want, 4e-6)
    expect(got.slice(columns * ROWS).every((value) => value === 7)).toBe(true)
    // The same chunk again, and its head alone: the same bits.
    step.write({ position: 0, columns: 9 })
    const again = await createTensor(gpu, 'output', 128 * ROWS)
    const part = await runAndRead(gpu, kernel.dispatch({ step, matrix, input, output: again }), again)
    expectSameBits(part.slice(0, 9 * ROWS), got.slice(0, 9 * ROWS))
  })

  test('bias and residual are added, over slabs too', async () => {
    const [rows, width, columns] = [600, 64, 13]
    const small = await openGpu({ maxBindingBytes: 256 * 64 * 4 })
    const smallStep = await createStepBuffer(small)
    const bytes = randomBlocks(3, 'F32', rows * width)
    const matrix = await uploadMatrix(small, 'F32', rows, width, bytes)
    expect(matrix.slabs.map((slab) => slab.rows)).toEqual([256, 256, 88])
    const [x, b, r] = [randomValues(1, columns * width), randomValues(2, rows, 9), randomValues(3, columns * rows, 9)]
    const kernel = await createGemm(small, profileOf(shape), { dtype: 'F32', columns, bias: true, accumulate: true })
    const input = await createTensorFrom(small, 'input', x)
    const bias = await createTensorFrom(small, 'bias', b)
    const output = await createTensorFrom(small, 'output', r)
    smallStep.write({ position: 0, columns })
    const got = await runAndRead(small, kernel.dispatch({ step: smallStep, matrix, input, output, bias }), output)
    expectClose(got, multiply({ weights: dequantise('F32', bytes), rows, width, input: x, bias: b, base: r }), 2e-6)
    small.dispose()
  })
})
