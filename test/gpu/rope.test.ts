import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RopeConfig } from '#core/formats/model-config.ts'
import { rotateHead } from '#core/numeric/rope.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createRope, createRopeTable } from '../../worker/gpu/kernels/rope.ts'
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

const [HEADS, KV_HEADS, COLUMNS, POSITION, CONTEXT] = [6, 2, 5, 4090, 4200]

async function run(headDim: number, rope?: RopeConfig) {
  const [q, k, v] = [
    randomValues(1, COLUMNS * HEADS * headDim),
    randomValues(2, COLUMNS * KV_HEADS * headDim),
    randomValues(3, COLUMNS * KV_HEADS * headDim),
  ]
  const [query, key, value] = [
    await createTensorFrom(gpu, 'q', q),
    await createTensorFrom(gpu, 'k', k),
    await createTensorFrom(gpu, 'v', v),
  ]
  const keyCache = await createTensor(gpu, 'keys', CONTEXT * KV_HEADS * headDim)
  const valueCache = await createTensor(gpu, 'values', CONTEXT * KV_HEADS * headDim)
  const kernel = await createRope(gpu, {
    heads: HEADS,
    kvHeads: KV_HEADS,
    headDim,
    columns: COLUMNS,
    ...(rope && { rope }),
  })
  const table = rope && (await createRopeTable(gpu, rope, CONTEXT))
  step.write({ position: POSITION, columns: COLUMNS - 1 })
  const dispatch = kernel.dispatch({ step, query, key, value, keyCache, valueCache, ...(table && { table }) })
  const gotQ = await runAndRead(gpu, [dispatch], query)
  const [gotK, gotV] = [await runAndRead(gpu, [], keyCache), await runAndRead(gpu, [], valueCache)]
  for (const tensor of [query, key, value, keyCache, valueCache]) gpu.release(tensor.buffer)
  return { q, k, v, gotQ, gotK, gotV }
}

/** Heads of `[columns, heads, headDim]` turned to their positions; columns past the step as they were. */
function rotated(values: Float32Array, heads: number, headDim: number, rope: RopeConfig): Float32Array {
  const out = values.slice()
  for (let column = 0; column < COLUMNS - 1; column++) {
    for (let head = 0; head < heads; head++) {
      rotateHead(
        out.subarray((column * heads + head) * headDim, (column * heads + head + 1) * headDim),
        rope,
        POSITION + column,
      )
    }
  }
  return out
}

describe.each(['half', 'interleaved'] as const)('%s', (layout) => {
  test.each([
    { headDim: 64, dimensions: 64, divisors: false },
    { headDim: 20, dimensions: 20, divisors: true },
    { headDim: 80, dimensions: 32, divisors: true },
  ])('head $headDim, $dimensions rotated, divisors $divisors', async ({ headDim, dimensions, divisors }) => {
    const rope: RopeConfig = {
      base: 10_000,
      dimensions,
      layout,
      ...(divisors && { frequencyDivisors: Array.from({ length: dimensions / 2 }, (_, i) => 1 + i / 3) }),
    }
    const { q, k, v, gotQ, gotK, gotV } = await run(headDim, rope)
    expectClose(gotQ, rotated(q, HEADS, headDim, rope), 3e-7)
    const start = POSITION * KV_HEADS * headDim
    const written = (COLUMNS - 1) * KV_HEADS * headDim
    expectClose(gotK.slice(start, start + written), rotated(k, KV_HEADS, headDim, rope).slice(0, written), 3e-7)
    expectSameBits(gotV.slice(start, start + written), v.slice(0, written))
    const outside = [
      ...gotK.slice(0, start),
      ...gotK.slice(start + written),
      ...gotV.slice(0, start),
      ...gotV.slice(start + written),
    ]
    expect(outside.every((value) => value === 0)).toBe(true)
  })
})

test('without rope q stays and the cache takes k and v', async () => {
  const { q, k, v, gotQ, gotK, gotV } = await run(32)
  expectSameBits(gotQ, q)
  const start = POSITION * KV_HEADS * 32
  const written = (COLUMNS - 1) * KV_HEADS * 32
  expectSameBits(gotK.slice(start, start + written), k.slice(0, written))
  expectSameBits(gotV.slice(start, start + written), v.slice(0, written))
})
