import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attention } from '#core/numeric/attention.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createAttentionDecode, createAttentionPrefill } from '../../worker/gpu/kernels/attention.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

const SHAPES = ['threads32', 'threads64', 'threads128'] as const
const HEADS: { heads: number; kvHeads: number; headDim: number }[] = [
  { heads: 4, kvHeads: 4, headDim: 16 },
  { heads: 9, kvHeads: 3, headDim: 64 },
  { heads: 6, kvHeads: 1, headDim: 96 },
  { heads: 2, kvHeads: 1, headDim: 256 },
]
const LENGTH = 300

describe.each(SHAPES)('%s', (shape) => {
  const profile = { ...BASE_PROFILE, attention: shape }

  test.each(HEADS)('decode: $heads heads of $headDim over $kvHeads; a column ignores its neighbours', async (heads) => {
    const width = heads.heads * heads.headDim
    const cache = LENGTH * heads.kvHeads * heads.headDim
    const [q, keys, values] = [randomValues(1, 8 * width, 2), randomValues(2, cache, 2), randomValues(3, cache)]
    const keyCache = await createTensorFrom(gpu, 'keys', keys)
    const valueCache = await createTensorFrom(gpu, 'values', values)
    const run = async (position: number, first: number, columns: number) => {
      const kernel = await createAttentionDecode(gpu, profile, { ...heads, columns })
      const query = await createTensorFrom(gpu, 'q', q.slice(first * width, (first + columns) * width))
      const output = await createTensorFrom(gpu, 'output', new Float32Array(columns * width))
      step.write({ position: position + first, columns })
      return runAndRead(gpu, kernel.dispatch({ step, query, keyCache, valueCache, output }), output)
    }
    for (const position of [0, 61, 250]) {
      const got = await run(position, 0, 8)
      expectClose(got, attention({ ...heads, position, columns: 8, query: q, keys, values }), 3e-6)
      for (const c of [0, 3, 7]) expectSameBits(await run(position, c, 1), got.slice(c * width, (c + 1) * width))
    }
  })

  test.each(shape === 'threads32' ? HEADS : HEADS.slice(-1))(
    'prefill: $heads heads of $headDim over $kvHeads, a chunk that starts anywhere',
    async (heads) => {
      const width = heads.heads * heads.headDim
      const cache = LENGTH * heads.kvHeads * heads.headDim
      const [q, keys, values] = [randomValues(1, 48 * width, 2), randomValues(2, cache, 2), randomValues(3, cache)]
      const keyCache = await createTensorFrom(gpu, 'keys', keys)
      const valueCache = await createTensorFrom(gpu, 'values', values)
      const kernel = await createAttentionPrefill(gpu, profile, { ...heads, columns: 48 })
      const query = await createTensorFrom(gpu, 'q', q)
      for (const [position, columns] of [
        [0, 48],
        [130, 45],
        [255, 1],
      ] as const) {
        const output = await createTensorFrom(gpu, 'output', new Float32Array(48 * width).fill(7))
        step.write({ position, columns })
        const got = await runAndRead(gpu, kernel.dispatch({ step, query, keyCache, valueCache, output }), output)
        const want = attention({ ...heads, position, columns, query: q, keys, values })
        expectClose(got.slice(0, columns * width), want, 3e-6)
        expect(got.slice(columns * width).every((value) => value === 7)).toBe(true)
        // A shorter chunk from the same position begins with the same bits.
        if (columns > 40) {
          step.write({ position, columns: 33 })
          const part = await runAndRead(gpu, kernel.dispatch({ step, query, keyCache, valueCache, output }), output)
          expectSameBits(part.slice(0, 33 * width), got.slice(0, 33 * width))
        }
      }
    },
  )
})

test('scores far apart neither overflow nor vanish', async () => {
  const heads = { heads: 1, kvHeads: 1, headDim: 16 }
  const keys = randomValues(2, 100 * 16, 40)
  const values = randomValues(3, 100 * 16)
  const q = randomValues(1, 16, 40)
  const kernel = await createAttentionDecode(gpu, BASE_PROFILE, { ...heads, columns: 1 })
  const [query, keyCache, valueCache, output] = [
    await createTensorFrom(gpu, 'q', q),
    await createTensorFrom(gpu, 'keys', keys),
    await createTensorFrom(gpu, 'values', values),
    await createTensorFrom(gpu, 'output', new Float32Array(16)),
  ]
  step.write({ position: 99, columns: 1 })
  const got = await runAndRead(gpu, kernel.dispatch({ step, query, keyCache, valueCache, output }), output)
  // Scores of thousands carry an f32 error of about 1e-4 into the exponent.
  expectClose(got, attention({ ...heads, position: 99, columns: 1, query: q, keys, values }), 2e-3)
})
