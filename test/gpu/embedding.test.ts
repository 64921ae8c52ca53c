// The gather, and with it every block layout: what the GPU dequantises is what ggml's definition says.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { dequantise } from '#core/numeric/dequantise.ts'
import { gatherRows } from '#core/numeric/embedding.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createEmbedding } from '../../worker/gpu/kernels/embedding.ts'
import { createMatrixWriter, matrixBytes } from '../../worker/gpu/matrix.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor } from '../../worker/gpu/tensor.ts'
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
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

test.each(DTYPES)('%s rows come back as ggml defines them, whatever the pieces they were written in', async (dtype) => {
  const rows = 61
  const columns = dtype.endsWith('K') ? 512 : 96
  const bytes = randomBlocks(7, dtype, rows * columns)
  const values = dequantise(dtype, bytes)
  const tokens = Uint32Array.of(0, 60, 7, 8, 59, 31, 7)
  for (const piece of [rows, 1, 5, 8, 13]) {
    const matrix = await uploadMatrix(gpu, dtype, rows, columns, bytes, piece)
    const output = await createTensor(gpu, 'output', tokens.length * columns)
    const embedding = await createEmbedding(gpu, { dtype, columns: tokens.length, index: 'token' })
    step.write({ position: 3, columns: tokens.length, tokens })
    const got = await runAndRead(gpu, embedding.dispatch({ step, matrix, output }), output)
    const want = gatherRows(values, columns, tokens)
    // Formats with an offset may fuse their multiplication and addition; the others must be exact.
    if (['Q4_1', 'Q5_1', 'Q4_K', 'Q5_K'].includes(dtype)) expectClose(got, want, 1.2e-7)
    else expectSameBits(got, want)
    matrix.dispose()
  }
})

test.each(['F32', 'F16', 'BF16'] as const)('%s of a width that is no multiple of 32 is padded', async (dtype) => {
  const [rows, columns] = [9, 44]
  const bytes = randomBlocks(8, dtype, rows * columns)
  const matrix = await uploadMatrix(gpu, dtype, rows, columns, bytes, 4)
  const output = await createTensor(gpu, 'output', 2 * columns)
  const embedding = await createEmbedding(gpu, { dtype, columns: 2, index: 'position' })
  step.write({ position: 7, columns: 2 })
  const got = await runAndRead(gpu, embedding.dispatch({ step, matrix, output }), output)
  expectSameBits(got, dequantise(dtype, bytes).slice(7 * columns, 9 * columns))
})

test.each(['F32', 'F16', 'BF16'] as const)(
  '%s stored as [in, out] is transposed while it is written',
  async (dtype) => {
    const [rows, columns] = [21, 68]
    const bytes = randomBlocks(9, dtype, rows * columns)
    const stored = dequantise(dtype, bytes) // [columns, rows]
    const writer = await createMatrixWriter(gpu, 'transposed', dtype, rows, columns)
    const columnBytes = bytes.length / columns
    for (let first = 0; first < columns; first += 32) {
      writer.writeTransposed(first, bytes.subarray(first * columnBytes, Math.min(columns, first + 32) * columnBytes))
    }
    const matrix = await writer.finish()
    const output = await createTensor(gpu, 'output', rows * columns)
    const embedding = await createEmbedding(gpu, { dtype, columns: rows, index: 'position' })
    step.write({ position: 0, columns: rows })
    const got = await runAndRead(gpu, embedding.dispatch({ step, matrix, output }), output)
    expectSameBits(
      got,
      Float32Array.from(
        { length: rows * columns },
        (_, i) => stored[(i % columns) * rows + Math.floor(i / columns)] as number,
      ),
    )
  },
)

test('learned positions are added to the token rows', async () => {
  const columns = 64
  const [a, b] = [randomValues(1, 10 * columns), randomValues(2, 10 * columns)]
  const tokens = await uploadMatrix(gpu, 'F32', 10, columns, new Uint8Array(a.buffer))
  const positions = await uploadMatrix(gpu, 'F32', 10, columns, new Uint8Array(b.buffer))
  const output = await createTensor(gpu, 'output', 3 * columns)
  const gather = await createEmbedding(gpu, { dtype: 'F32', columns: 3, index: 'token' })
  const add = await createEmbedding(gpu, { dtype: 'F32', columns: 3, index: 'position', accumulate: true })
  const ids = Uint32Array.of(4, 9, 0)
  step.write({ position: 5, columns: 3, tokens: ids })
  const dispatches = [
    ...gather.dispatch({ step, matrix: tokens, output }),
    ...add.dispatch({ step, matrix: positions, output }),
  ]
  const got = await runAndRead(gpu, dispatches, output)
  const want = gatherRows(a, columns, ids)
  gatherRows(b, columns, Uint32Array.of(5, 6, 7)).forEach((value, i) => (want[i] = (want[i] as number) + value))
  expectSameBits(got, want)
})

test('the writer counts its bytes, refuses gaps and notices what is missing', async () => {
  const before = gpu.allocatedBytes
  const writer = await createMatrixWriter(gpu, 'w', 'Q4_0', 20, 64)
  const rowBytes = 36
  expect(matrixBytes('Q4_0', 20, 64)).toBe(24 * 36)
  expect(gpu.allocatedBytes - before).toBe(24 * 36 + 32)
  expect(() => writer.write(1, new Uint8Array(rowBytes))).toThrow(/row 0 comes next/)
  expect(() => writer.write(0, new Uint8Array(rowBytes - 1))).toThrow(/not whole rows/)
  writer.write(0, new Uint8Array(19 * rowBytes))
  await expect(writer.finish()).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
  expect(() => writer.write(19, new Uint8Array(2 * rowBytes))).toThrow(/not whole rows/)
  writer.abort()
  expect(gpu.allocatedBytes).toBe(before)
})
