import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DType } from '#core/formats/tensor-entry.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import { siluMultiply } from '#core/numeric/silu-multiply.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { canGate, createGatedMatVec } from '../../worker/gpu/kernels/gated-mat-vec.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
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

const ROWS = 83
let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu)
})
afterAll(() => gpu.dispose())

const MIXED: (readonly [DType, DType])[] = [
  ['Q4_K', 'Q6_K'],
  ['F16', 'Q5_0'],
]
const ALIKE = DTYPES.map((dtype) => [dtype, dtype] as const)

describe.each(['row1', 'slice4', 'slice16'] as const)('%s', (matvec) => {
  test.each(matvec === 'row1' ? [...ALIKE, ...MIXED] : MIXED)(
    'gate %s, up %s agree with the reference; a column ignores its neighbours',
    async (gateType, upType) => {
      const width = 256
      const [a, b] = [randomBlocks(21, gateType, ROWS * width), randomBlocks(22, upType, ROWS * width)]
      const gate = await uploadMatrix(gpu, gateType, ROWS, width, a)
      const up = await uploadMatrix(gpu, upType, ROWS, width, b)
      // Small inputs keep silu away from its linear ends.
      const x = randomValues(4, 3 * width, 0.05)
      const run = async (first: number, columns: number) => {
        const kernel = await createGatedMatVec(
          gpu,
          { ...BASE_PROFILE, matvec },
          { gate: gateType, up: upType, columns },
        )
        const input = await createTensorFrom(gpu, 'input', x.slice(first * width, (first + columns) * width))
        const output = await createTensor(gpu, 'output', columns * ROWS)
        step.write({ position: 0, columns })
        return runAndRead(gpu, kernel.dispatch({ step, gate, up, input, output }), output)
      }
      const got = await run(0, 3)
      const product = (type: DType, bytes: Uint8Array) =>
        multiply({ weights: dequantise(type, bytes), rows: ROWS, width, input: x })
      expectClose(got, siluMultiply(product(gateType, a), product(upType, b)), 4e-6)
      for (const c of [0, 1, 2]) expectSameBits(await run(c, 1), got.slice(c * ROWS, (c + 1) * ROWS))
    },
  )
})

test('matrices cut into different slabs are refused', async () => {
  const small = await openGpu({ maxBindingBytes: 300 * 64 * 4 })
  const gate = await uploadMatrix(small, 'F32', 600, 64, randomBlocks(1, 'F32', 600 * 64))
  const up = await uploadMatrix(small, 'Q4_0', 600, 64, randomBlocks(1, 'Q4_0', 600 * 64))
  expect(canGate(gate, up)).toBe(false)
  expect(canGate(gate, gate)).toBe(true)
  small.dispose()
})
