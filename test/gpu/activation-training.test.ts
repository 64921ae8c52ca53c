import { afterAll, beforeAll, expect, test } from 'vitest'
import { geluBackward, siluMultiplyBackward } from '#core/numeric/activation-backward.ts'
import { gelu } from '#core/numeric/gelu.ts'
import { rotateHead } from '#core/numeric/rope.ts'
import { siluMultiply } from '#core/numeric/silu-multiply.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createGeluTraining } from '../../worker/gpu/kernels/gelu-training.ts'
import { createRopeTable } from '../../worker/gpu/kernels/rope.ts'
import { createRopeRotate } from '../../worker/gpu/kernels/rope-rotate.ts'
import { createSiluMultiplyTraining } from '../../worker/gpu/kernels/silu-multiply-training.ts'
import { createStepBuffer, type StepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
let step: StepBuffer
beforeAll(async () => {
  gpu = await openGpu()
  step = await createStepBuffer(gpu, 200)
})
afterAll(() => gpu.dispose())

const [WIDTH, COLUMNS, USED] = [37, 6, 5]
const KEPT = USED * WIDTH

/** Magnitudes from 1e-3 to 200, where the exponential saturates. */
function spread(seed: number): Float32Array<ArrayBuffer> {
  const values = randomValues(seed, COLUMNS * WIDTH)
  values.forEach((value, i) => (values[i] = value * 10 ** ((i % 54) / 10 - 3)))
  return values
}

test('GELU', async () => {
  step.write({ position: 0, columns: USED })
  const [x, g] = [spread(1), randomValues(2, COLUMNS * WIDTH)]
  const input = await createTensorFrom(gpu, 'input', x)
  const output = await createTensor(gpu, 'output', x.length)
  const gradient = await createTensorFrom(gpu, 'gradient', g)
  const kernel = await createGeluTraining(gpu, { width: WIDTH, columns: COLUMNS })
  const forward = await runAndRead(gpu, [kernel.forward({ step, input, output })], output)
  expectClose(forward.slice(0, KEPT), gelu(x.slice(0, KEPT)), 1e-6)
  const got = await runAndRead(gpu, [kernel.backward({ step, input, gradient })], gradient)
  expectClose(got.slice(0, KEPT), geluBackward(x.slice(0, KEPT), g.slice(0, KEPT)), 2e-6)
  expectSameBits(got.slice(KEPT), g.slice(KEPT))
})

test('silu(gate) * up', async () => {
  step.write({ position: 0, columns: USED })
  const [gateValues, upValues, g] = [spread(1), randomValues(2, COLUMNS * WIDTH), randomValues(3, COLUMNS * WIDTH)]
  const gate = await createTensorFrom(gpu, 'gate', gateValues)
  const up = await createTensorFrom(gpu, 'up', upValues)
  const output = await createTensor(gpu, 'output', g.length)
  const outputGradient = await createTensorFrom(gpu, 'gradient', g)
  const kernel = await createSiluMultiplyTraining(gpu, { width: WIDTH, columns: COLUMNS })
  const forward = await runAndRead(gpu, [kernel.forward({ step, gate, up, output })], output)
  expectClose(forward.slice(0, KEPT), siluMultiply(gateValues, upValues).slice(0, KEPT), 1e-6)
  const ofGate = await runAndRead(gpu, [kernel.backward({ step, outputGradient, gate, up })], gate)
  const ofUp = await runAndRead(gpu, [], up)
  const want = siluMultiplyBackward(gateValues, upValues, g)
  expectClose(ofGate.slice(0, KEPT), want.gate.slice(0, KEPT), 2e-6)
  expectClose(ofUp.slice(0, KEPT), want.up.slice(0, KEPT), 2e-6)
  expectSameBits(ofUp.slice(KEPT), upValues.slice(KEPT))
})

test.each(['half', 'interleaved'] as const)('rope, %s: turns by each column’s position, and back', async (layout) => {
  const [heads, headDim, columns] = [3, 12, 5]
  const rope = { base: 500, dimensions: 8, layout }
  const positions = Uint32Array.of(0, 1, 2, 0, 90)
  const values = randomValues(1, columns * heads * headDim)
  const table = await createRopeTable(gpu, rope, 128)
  step.write({ position: 0, columns, tokens: positions })
  for (const back of [false, true]) {
    const data = await createTensorFrom(gpu, 'data', values)
    const kernel = await createRopeRotate(gpu, { heads, headDim, columns, rope, back })
    const got = await runAndRead(gpu, [kernel.dispatch({ positions: step, table, data })], data)
    const want = values.slice()
    for (let row = 0; row < columns * heads; row++) {
      const head = want.subarray(row * headDim, (row + 1) * headDim)
      rotateHead(head, rope, positions[Math.floor(row / heads)] as number, back)
    }
    expectClose(got, want, 1e-6)
    expect(got).not.toEqual(values)
  }
})
