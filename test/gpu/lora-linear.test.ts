import { afterAll, beforeAll, expect, test } from 'vitest'
import { dropout } from '#core/numeric/dropout.ts'
import { linearInputGradient, linearWeightGradient } from '#core/numeric/linear-backward.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createDrawBuffer } from '../../worker/gpu/kernels/dropout.ts'
import { createLoraLinear, createLoraMatrices, loraScratch } from '../../worker/gpu/kernels/lora-linear.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createStepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom, type Tensor } from '../../worker/gpu/tensor.ts'
import { matrixElements, paddedColumns, unpackMatrix } from '../../worker/gpu/trainable-matrix.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const add = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + (b[i] as number))
const times = (a: Float32Array, by: number) => a.map((value) => value * by)

// Rank 1 and 6 are padded to four; a fused projection shares one A among three.
test.each([
  [1, [20], 1, 0],
  [6, [24, 12, 12], 2, 0],
  [8, [130], 0.5, 0.25],
  [64, [36], 0.125, 0],
])('rank %i to %j, scale %f, dropout %f: outputs and all gradients', async (rank, outputs, scale, rate) => {
  const [width, columns] = [44, 270]
  const draw = { seed: 3, step: 1, microBatch: 0 }
  const x = randomValues(1, columns * width)
  const aValues = randomValues(2, rank * width)
  const bValues = outputs.map((rows, i) => randomValues(3 + i, rows * rank))
  const baseOutputs = outputs.map((rows, i) => randomValues(10 + i, columns * rows))
  const gradients = outputs.map((rows, i) => randomValues(20 + i, columns * rows))
  const baseInput = randomValues(30, columns * width)

  // The reference: y = base + scale B A drop(x), by the references of its parts.
  const dropped = rate > 0 ? dropout(x, rate, { ...draw, stream: 5 }) : x
  const lowWant = times(multiply({ weights: aValues, rows: rank, width, input: dropped }), scale)
  const wantOutputs = outputs.map((rows, i) => {
    const product = multiply({ weights: bValues[i] as Float32Array, rows, width: rank, input: lowWant })
    return add(baseOutputs[i] as Float32Array, product)
  })
  const wantB = outputs.map((rows, i) => linearWeightGradient(rows, rank, lowWant, gradients[i] as Float32Array))
  const lowGradientWant = outputs
    .map((rows, i) => linearInputGradient(bValues[i] as Float32Array, rows, rank, gradients[i] as Float32Array))
    .reduce((sum, part) => add(sum, part))
    .map((value) => value * scale)
  const wantA = linearWeightGradient(rank, width, dropped, lowGradientWant)
  const toInput = linearInputGradient(aValues, rank, width, lowGradientWant)
  const wantInput = add(baseInput, rate > 0 ? dropout(toInput, rate, { ...draw, stream: 5 }) : toInput)

  const shape = { width, rank, outputs, columns, scale, ...(rate > 0 && { dropout: { rate, stream: 5 } }) }
  const kernel = await createLoraLinear(gpu, BASE_PROFILE, shape)
  const matrices = await createLoraMatrices(gpu, 'adapter', shape, { a: aValues, b: bValues })
  const step = await createStepBuffer(gpu, columns)
  step.write({ position: 0, columns })
  const drawBuffer = await createDrawBuffer(gpu)
  drawBuffer.write(draw)
  const tensorsFrom = (label: string, list: readonly Float32Array[]) =>
    Promise.all(list.map((values) => createTensorFrom(gpu, label, values)))
  const low = await createTensor(gpu, 'low', columns * paddedColumns(rank))
  const buffers = {
    ...matrices,
    step,
    low,
    input: await createTensorFrom(gpu, 'input', x),
    ...(rate > 0 && { draw: drawBuffer, dropped: await createTensor(gpu, 'dropped', columns * width) }),
  }
  const run = async () => {
    const outputTensors = await tensorsFrom('output', baseOutputs)
    const inputGradient = await createTensorFrom(gpu, 'input gradient', baseInput)
    const aGradient = await createTensor(gpu, 'A gradient', matrixElements(rank, width))
    const bGradients = await Promise.all(
      outputs.map((rows) => createTensor(gpu, 'B gradient', matrixElements(rows, rank))),
    )
    const scratch = await createTensor(gpu, 'scratch', loraScratch(shape))
    const lowGradient = await createTensor(gpu, 'low gradient', low.elements)
    const outputGradients = await tensorsFrom('output gradient', gradients)
    const dispatches = [
      ...kernel.forward({ ...buffers, outputs: outputTensors }),
      ...kernel.backward({ ...buffers, outputGradients, lowGradient, aGradient, bGradients, inputGradient, scratch }),
    ]
    const input = await runAndRead(gpu, dispatches, inputGradient)
    const read = (list: readonly Tensor[]) => Promise.all(list.map((tensor) => runAndRead(gpu, [], tensor)))
    return { input, outputs: await read(outputTensors), a: (await read([aGradient]))[0], b: await read(bGradients) }
  }
  const got = await run()
  for (const [i, rows] of outputs.entries()) {
    expectClose(got.outputs[i] as Float32Array, wantOutputs[i] as Float32Array, 4e-6)
    expectClose(unpackMatrix(got.b[i] as Float32Array, rows, rank), wantB[i] as Float32Array, 1e-5)
  }
  expectClose(unpackMatrix(got.a as Float32Array, rank, width), wantA, 1e-5)
  expectClose(got.input, wantInput, 1e-5)
  // What padding added to the rank stays zero.
  const padding = unpackMatrix(got.a as Float32Array, paddedColumns(rank), width).slice(rank * width)
  expect(padding.every((value) => value === 0)).toBe(true)
  const again = await run()
  expectSameBits(again.input, got.input)
  expectSameBits(again.a as Float32Array, got.a as Float32Array)
})
