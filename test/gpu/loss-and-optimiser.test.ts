import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adamWStep } from '#core/numeric/adamw.ts'
import { crossEntropy } from '#core/numeric/cross-entropy.ts'
import { dropout } from '#core/numeric/dropout.ts'
import { scatterRows } from '#core/numeric/embedding-backward.ts'
import { createBatchBuffers, NO_TARGET } from '../../worker/gpu/batch-buffers.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { createAdamW, createAdamWRates } from '../../worker/gpu/kernels/adamw.ts'
import { createCrossEntropy } from '../../worker/gpu/kernels/cross-entropy.ts'
import { createDrawBuffer, createDropout } from '../../worker/gpu/kernels/dropout.ts'
import { createEmbedding } from '../../worker/gpu/kernels/embedding.ts'
import { createEmbeddingBackward } from '../../worker/gpu/kernels/embedding-backward.ts'
import { createGradientNorm } from '../../worker/gpu/kernels/gradient-norm.ts'
import { createAddScaled, createClear, createScale } from '../../worker/gpu/kernels/scale.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createStepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { createTrainableMatrix, packMatrix, unpackMatrix } from '../../worker/gpu/trainable-matrix.ts'
import { expectClose, expectSameBits, openGpu, randomValues, runAndRead } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const words = (values: readonly number[]) => Uint32Array.from(values)

describe.each(['threads4', 'threads128'] as const)('cross-entropy, %s', (norm) => {
  test.each([259, 7])('vocabulary of %i', async (vocabulary) => {
    const targets = words([3, NO_TARGET, vocabulary - 1, 0, NO_TARGET, 5])
    const columns = targets.length
    const batch = await createBatchBuffers(gpu, columns + 2)
    batch.write({
      tokens: targets.map(() => 1),
      targets,
      positions: words([...targets.keys()]),
      starts: targets.map(() => 0),
      lossScale: 0.25,
    })
    // Spread over hundreds: without the maximum taken off exp would overflow.
    const values = randomValues(1, (columns + 2) * vocabulary, 150)
    const { step, targets: buffer, lossScale: scale } = batch
    const profile = { ...BASE_PROFILE, norm }
    const want = crossEntropy(values.slice(0, columns * vocabulary), vocabulary, targets, 0.25)
    for (const gradient of [false, true]) {
      const kernel = await createCrossEntropy(gpu, profile, { vocabulary, columns: columns + 2, gradient })
      const logits = await createTensorFrom(gpu, 'logits', values)
      const losses = await createTensor(gpu, 'losses', columns + 2)
      const dispatch = kernel.dispatch({ step, targets: buffer, scale, logits, losses })
      const gotLosses = await runAndRead(gpu, [dispatch], losses)
      expectClose(gotLosses.slice(0, columns), want.losses, 1e-6)
      const got = await runAndRead(gpu, [], logits)
      expectSameBits(got.slice(columns * vocabulary), values.slice(columns * vocabulary))
      if (gradient) expectClose(got.slice(0, columns * vocabulary), want.gradient, 2e-6)
      else expectSameBits(got, values)
    }
    batch.dispose()
  })
})

test('embedding: the gradient of tokens and positions, into what a tied head left', async () => {
  const [rows, width, columns] = [19, 36, 11]
  const batch = await createBatchBuffers(gpu, columns + 3)
  const tokens = words([4, 18, 4, 0, 4, 7, 18, 3, 3, 9, 4])
  const positions = words([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6])
  const starts = words([0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4])
  batch.write({ tokens, positions, starts, targets: tokens, lossScale: 1 })
  const g = randomValues(1, (columns + 3) * width)
  const base = randomValues(2, rows * width)
  const table = await createTrainableMatrix(gpu, 'table', rows, width, base)
  const gradient = await createTensorFrom(gpu, 'gradient', g)
  const kernel = await createEmbeddingBackward(gpu, { columns: columns + 3 })
  for (const [indices, groups] of [
    [tokens, batch.tokenGroups],
    [positions, batch.positionGroups],
  ] as const) {
    const tableGradient = await createTensorFrom(gpu, 'table gradient', packMatrix(base, rows, width))
    const got = await runAndRead(gpu, [kernel.dispatch({ groups, table, gradient, tableGradient })], tableGradient)
    const want = scatterRows(rows, width, indices, g.slice(0, columns * width))
    expectClose(
      unpackMatrix(got, rows, width),
      want.map((value, i) => value + (base[i] as number)),
      1e-6,
    )
  }
  // The forward gathers positions as it gathers tokens, from the batch's second step buffer.
  const gather = await createEmbedding(gpu, { dtype: 'F32', columns: columns + 3, index: 'token' })
  const output = await createTensor(gpu, 'output', (columns + 3) * width)
  const rowsRead = await runAndRead(
    gpu,
    gather.dispatch({ step: batch.positions, matrix: table.matrix, output }),
    output,
  )
  positions.forEach((row, column) => {
    expectSameBits(rowsRead.slice(column * width, (column + 1) * width), base.slice(row * width, (row + 1) * width))
  })
  batch.dispose()
})

test('AdamW follows its reference over steps', async () => {
  const count = 203
  const options = { learningRate: 0.02, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }
  const start = randomValues(1, count)
  const parameter = await createTensorFrom(gpu, 'parameter', start)
  const firstMoment = await createTensor(gpu, 'm', count)
  const secondMoment = await createTensor(gpu, 'v', count)
  const factor = await createTensorFrom(gpu, 'factor', Float32Array.of(0.5))
  const rates = await createAdamWRates(gpu)
  const kernel = await createAdamW(gpu)
  const state = {
    parameter: Float64Array.from(start),
    firstMoment: new Float64Array(count),
    secondMoment: new Float64Array(count),
  }
  let got = start
  for (let step = 1; step <= 4; step++) {
    const g = randomValues(10 + step, count)
    const gradient = await createTensorFrom(gpu, 'gradient', g)
    rates.write(options, step)
    const dispatch = kernel.dispatch({ rates, factor, gradient, parameter, firstMoment, secondMoment })
    got = await runAndRead(gpu, [dispatch], parameter)
    adamWStep(
      state,
      Float64Array.from(g, (value) => value * 0.5),
      options,
      step,
    )
    expectClose(got, Float32Array.from(state.parameter), 1e-6)
  }
  rates.dispose()
})

test('the norm of all gradients, and the factor that clips it', async () => {
  const sizes = [5, 70_001, 640]
  const values = sizes.map((size, i) => randomValues(i + 1, size))
  const tensors = await Promise.all(values.map((value, i) => createTensorFrom(gpu, `gradient ${i}`, value)))
  const norm = await createGradientNorm(gpu, tensors)
  const want = Math.sqrt(values.reduce((sum, value) => sum + value.reduce((total, x) => total + x * x, 0), 0))
  for (const [limit, factor] of [
    [0, 1],
    [2 * want, 1],
    [1, 1 / want],
  ] as const) {
    norm.setLimit(limit)
    const result = await runAndRead(gpu, norm.dispatches, norm.result)
    expectClose(result, Float32Array.of(want), 1e-6)
    expectClose(await runAndRead(gpu, [], norm.factor), Float32Array.of(factor), 1e-6)
    expectSameBits(await runAndRead(gpu, norm.dispatches, norm.result), result)
  }
  norm.dispose()
})

test('scaling, clearing and adding', async () => {
  const values = randomValues(1, 131)
  const data = await createTensorFrom(gpu, 'data', values)
  const got = await runAndRead(gpu, [(await createScale(gpu, 0.25)).dispatch({ data })], data)
  expectSameBits(
    got,
    values.map((value) => value * 0.25),
  )
  const base = randomValues(2, 131)
  const factor = await createTensorFrom(gpu, 'factor', Float32Array.of(2))
  for (const keep of [true, false]) {
    const sum = await createTensorFrom(gpu, 'sum', base)
    const added = await runAndRead(
      gpu,
      [(await createAddScaled(gpu, { keep })).dispatch({ factor, term: data, sum })],
      sum,
    )
    expectClose(
      added,
      values.map((value, i) => value * 0.5 + (keep ? (base[i] as number) : 0)),
      1e-6,
    )
  }
  const broken = await createTensorFrom(gpu, 'data', Float32Array.of(NaN, Infinity, 3))
  expect([...(await runAndRead(gpu, [(await createClear(gpu)).dispatch({ data: broken })], broken))]).toEqual([0, 0, 0])
})

test('dropout draws the mask of its reference, in forward and backward', async () => {
  const [width, columns] = [20, 9]
  const draw = { seed: 2 ** 40 + 5, step: 17, microBatch: 2 }
  const [values, base] = [randomValues(1, width * columns), randomValues(2, width * columns)]
  const step = await createStepBuffer(gpu)
  step.write({ position: 0, columns })
  const buffer = await createDrawBuffer(gpu)
  buffer.write(draw)
  const input = await createTensorFrom(gpu, 'input', values)
  const want = dropout(values, 0.3, { ...draw, stream: 4 })
  for (const accumulate of [false, true]) {
    const kernel = await createDropout(gpu, { width, columns, rate: 0.3, stream: 4, accumulate })
    const output = await createTensorFrom(gpu, 'output', base)
    const got = await runAndRead(gpu, [kernel.dispatch({ step, draw: buffer, input, output })], output)
    expectClose(got, accumulate ? want.map((value, i) => value + (base[i] as number)) : want, 1e-6)
  }
  buffer.dispose()
})
