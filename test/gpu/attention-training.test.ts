import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attentionBackward, attentionForward } from '#core/numeric/attention-training.ts'
import { createBatchBuffers, documentRanges, groupColumns, NO_TARGET } from '../../worker/gpu/batch-buffers.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createAttentionTraining } from '../../worker/gpu/kernels/attention-training.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

/** Documents of these lengths, one after another. */
function startsOf(lengths: readonly number[]): Uint32Array {
  let first = 0
  return Uint32Array.from(
    lengths.flatMap((length) => {
      const start = first
      first += length
      return Array.from({ length }, () => start)
    }),
  )
}

function batchOf(starts: Uint32Array) {
  const tokens = starts.map((_, i) => i % 7)
  const positions = starts.map((start, i) => i - start)
  return { tokens, positions, starts, targets: tokens.map(() => NO_TARGET), lossScale: 1 }
}

// Documents that end inside a thread's pair, inside a four and on its edge; grouped heads; heads of 4 to 64.
test.each([
  [4, 4, 32, [5, 1, 2, 8, 33, 70]],
  [6, 2, 20, [131]],
  [3, 1, 64, [64, 3, 9]],
  [2, 2, 4, [1, 1, 1]],
])('%i heads over %i of %i, documents %j: output and gradients', async (heads, kvHeads, headDim, lengths) => {
  const starts = startsOf(lengths)
  const columns = starts.length
  const capacity = columns + 9
  const batch = await createBatchBuffers(gpu, capacity)
  batch.write(batchOf(starts))
  const size = heads * headDim
  const kvSize = kvHeads * headDim
  // Scores spread over tens, so that the maximum matters.
  const values = {
    query: randomValues(1, columns * size, 6),
    key: randomValues(2, columns * kvSize, 6),
    value: randomValues(3, columns * kvSize),
    outputGradient: randomValues(4, columns * size),
  }
  const upload = (name: keyof typeof values, width: number) => {
    const padded = new Float32Array(capacity * width)
    padded.set(values[name])
    return createTensorFrom(gpu, name, padded)
  }
  const tensors = {
    query: await upload('query', size),
    key: await upload('key', kvSize),
    value: await upload('value', kvSize),
    outputGradient: await upload('outputGradient', size),
    output: await createTensorFrom(gpu, 'output', new Float32Array(capacity * size).fill(7)),
    stats: await createTensor(gpu, 'stats', capacity * heads * 2),
    queryGradient: await createTensor(gpu, 'q gradient', capacity * size),
    keyGradient: await createTensor(gpu, 'k gradient', capacity * kvSize),
    valueGradient: await createTensor(gpu, 'v gradient', capacity * kvSize),
  }
  const kernel = await createAttentionTraining(gpu, { heads, kvHeads, headDim, columns: capacity })
  const buffers = { ...tensors, ranges: batch.ranges }
  const run = async () => {
    const output = await runAndRead(gpu, [kernel.forward(buffers)], tensors.output)
    const query = await runAndRead(gpu, kernel.backward(buffers), tensors.queryGradient)
    const key = await runAndRead(gpu, [], tensors.keyGradient)
    return { output, query, key, value: await runAndRead(gpu, [], tensors.valueGradient) }
  }
  const got = await run()
  const reference = { heads, kvHeads, headDim, starts, ...values }
  expectClose(got.output.slice(0, columns * size), attentionForward(reference), 4e-6)
  expect(got.output.slice(columns * size).every((value) => value === 7)).toBe(true)
  const want = attentionBackward(reference, values.outputGradient)
  for (const name of ['query', 'key', 'value'] as const) {
    expectClose(got[name].slice(0, want[name].length), want[name], 1e-5)
  }
  const again = await run()
  for (const name of ['output', 'query', 'key', 'value'] as const) expectSameBits(again[name], got[name])
  batch.dispose()
})

describe('the batch', () => {
  test('ranges: every column knows where its document begins and ends', () => {
    expect([...documentRanges(startsOf([2, 1, 3]))]).toEqual([6, 0, 0, 2, 0, 2, 2, 3, 3, 6, 3, 6, 3, 6])
  })

  test('groups: columns by row, in column order', () => {
    const words = [...groupColumns(Uint32Array.of(5, 2, 5, 5, 0), 6)]
    expect(words.slice(0, 1)).toEqual([3])
    expect(words.slice(4, 9)).toEqual([4, 1, 0, 2, 3])
    expect(words.slice(10, 19)).toEqual([0, 0, 1, 2, 1, 2, 5, 2, 5])
  })

  test('what does not fit, or mixes documents, is refused', async () => {
    const batch = await createBatchBuffers(gpu, 4)
    expect(() => batch.write(batchOf(new Uint32Array(5)))).toThrow(/does not fit/)
    expect(() => batch.write(batchOf(Uint32Array.of(0, 1, 0)))).toThrow(/Column 2/)
    expect(() => batch.write(batchOf(Uint32Array.of(1, 1)))).toThrow(/Column 0/)
    batch.dispose()
  })
})
