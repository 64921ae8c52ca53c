import { afterAll, beforeAll, expect, test } from 'vitest'
import { argMax } from '#core/numeric/arg-max.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createArgMax } from '../../worker/gpu/kernels/arg-max.ts'
import { createSubmitter } from '../../worker/gpu/submit.ts'
import { createTensorFrom } from '../../worker/gpu/tensor.ts'
import { openGpu, randomValues } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

async function run(values: Float32Array, columns = 1): Promise<{ id: number; value: number }[]> {
  const size = values.length / columns
  const kernel = await createArgMax(gpu, { size, columns })
  const logits = await createTensorFrom(gpu, 'logits', values)
  const [bytes] = await createSubmitter(gpu).run(kernel.dispatch({ logits }), [
    { buffer: kernel.result, bytes: columns * 8 },
  ])
  kernel.dispose()
  const [ids, floats] = [new Uint32Array(bytes as ArrayBuffer), new Float32Array(bytes as ArrayBuffer)]
  return Array.from({ length: columns }, (_, c) => ({ id: ids[2 * c] as number, value: floats[2 * c + 1] as number }))
}

test.each([1, 63, 2048, 2049, 49_152, 151_937])('finds the largest of %i', async (size) => {
  const values = randomValues(size, size, 20)
  const id = argMax(values)
  expect(await run(values)).toEqual([{ id, value: values[id] }])
})

test.each([
  [5, 4000],
  [4000, 4064],
  [0, 9999],
])('of equals at %i and %i the lower id wins', async (a, b) => {
  const values = randomValues(3, 10_000)
  values[a] = 2
  values[b] = 2
  expect((await run(values))[0]?.id).toBe(a)
})

test('columns are judged apart, and all negative is no special case', async () => {
  const values = randomValues(3, 3 * 5000).map((value) => value - 7)
  const want = [0, 1, 2].map((c) => argMax(values.slice(c * 5000, (c + 1) * 5000)))
  expect((await run(values, 3)).map(({ id }) => id)).toEqual(want)
})

test('NaN never wins', async () => {
  const values = randomValues(3, 3000)
  values[17] = NaN
  expect((await run(values))[0]?.id).toBe(argMax(values))
  expect((await run(new Float32Array(3000).fill(NaN)))[0]?.id).toBe(0xffffffff)
})
