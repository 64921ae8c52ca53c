// Every backward reference against central differences of its forward reference, on small odd shapes.

import { describe, expect, test } from 'vitest'
import type { RopeConfig } from '#core/formats/model-config.ts'
import { geluSlope, geluBackward, siluMultiplyBackward, siluSlope } from '#core/numeric/activation-backward.ts'
import { adamWStep } from '#core/numeric/adamw.ts'
import { attention } from '#core/numeric/attention.ts'
import { attentionBackward, attentionForward } from '#core/numeric/attention-training.ts'
import { crossEntropy } from '#core/numeric/cross-entropy.ts'
import { dropout } from '#core/numeric/dropout.ts'
import { scatterRows } from '#core/numeric/embedding-backward.ts'
import { geluOf } from '#core/numeric/gelu.ts'
import { layerNorm } from '#core/numeric/layer-norm.ts'
import { columnSum, linearInputGradient, linearWeightGradient } from '#core/numeric/linear-backward.ts'
import { multiply } from '#core/numeric/mat-vec.ts'
import { layerNormBackward, rmsNormBackward } from '#core/numeric/norm-backward.ts'
import { rmsNorm } from '#core/numeric/rms-norm.ts'
import { rotateHead } from '#core/numeric/rope.ts'
import { silu } from '#core/numeric/silu-multiply.ts'
import { expectGradient, randomDoubles, weighted } from './central-differences.ts'

test('linear: input, weight and bias', () => {
  const [rows, width, columns] = [5, 7, 3]
  const weights = randomDoubles(1, rows * width)
  const input = randomDoubles(2, columns * width)
  const bias = randomDoubles(3, rows)
  const g = randomDoubles(4, columns * rows)
  const f = () => weighted(multiply({ weights, rows, width, input, bias }), g)
  expectGradient(f, input, linearInputGradient(weights, rows, width, g))
  expectGradient(f, weights, linearWeightGradient(rows, width, input, g))
  expectGradient(f, bias, columnSum(rows, g))
})

describe.each(['rms', 'layer'] as const)('%s norm', (kind) => {
  test('input, weight and bias', () => {
    const width = 9
    const input = randomDoubles(5, 3 * width)
    const weight = randomDoubles(6, width)
    const bias = randomDoubles(7, width)
    const g = randomDoubles(8, 3 * width)
    const epsilon = 1e-3
    const backward = kind === 'rms' ? rmsNormBackward : layerNormBackward
    const output = () => (kind === 'rms' ? rmsNorm(input, weight, epsilon) : layerNorm(input, weight, bias, epsilon))
    const f = () => weighted(output(), g)
    const gradients = backward(input, weight, epsilon, g)
    expectGradient(f, input, gradients.input)
    expectGradient(f, weight, gradients.weight)
    if (kind === 'layer') expectGradient(f, bias, columnSum(width, g))
  })
})

test('GELU and SiLU', () => {
  const x = Float64Array.from({ length: 41 }, (_, i) => (i - 20) / 3)
  const ones = x.map(() => 1)
  expectGradient(() => weighted(x.map(geluOf), ones), x, x.map(geluSlope))
  expectGradient(() => weighted(x.map(silu), ones), x, x.map(siluSlope))
  const gate = randomDoubles(9, 11, 3)
  const up = randomDoubles(10, 11, 3)
  const g = randomDoubles(11, 11)
  const product = () =>
    weighted(
      gate.map((value, i) => silu(value) * (up[i] as number)),
      g,
    )
  const gradients = siluMultiplyBackward(gate, up, g)
  expectGradient(product, gate, gradients.gate)
  expectGradient(product, up, gradients.up)
  expect(geluBackward(gate, g)).toEqual(g.map((value, i) => value * geluSlope(gate[i] as number)))
})

test.each(['half', 'interleaved'] as const)('rope, %s: the gradient turns back', (layout) => {
  const rope: RopeConfig = { base: 100, dimensions: 6, layout }
  const head = randomDoubles(12, 8)
  const g = randomDoubles(13, 8)
  const rotated = (values: Float64Array, back = false) => {
    const copy = values.slice()
    rotateHead(copy, rope, 5, back)
    return copy
  }
  expectGradient(() => weighted(rotated(head), g), head, rotated(g, true))
})

describe('attention over documents', () => {
  const shape = { heads: 4, kvHeads: 2, headDim: 3 }
  const starts = Uint32Array.of(0, 0, 0, 3, 4, 4, 4)
  const sizes = [4, 2, 2].map((heads) => starts.length * heads * 3) as [number, number, number]
  const [query, key, value] = sizes.map((size, i) => randomDoubles(20 + i, size)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]

  test('query, key and value', () => {
    const g = randomDoubles(23, query.length)
    const batch = { ...shape, starts, query, key, value }
    const f = () => weighted(attentionForward(batch), g)
    const gradients = attentionBackward(batch, g)
    expectGradient(f, query, gradients.query)
    expectGradient(f, key, gradients.key)
    expectGradient(f, value, gradients.value)
  })

  test('one document is what the model computes; several do not see one another', () => {
    const f32 = (values: Float64Array) => Float32Array.from(values)
    const batch = { ...shape, query: f32(query), key: f32(key), value: f32(value) }
    const whole = attentionForward({ ...batch, starts: new Uint32Array(7) })
    const { query: q, key: keys, value: values } = batch
    expect(whole).toEqual(attention({ ...shape, position: 0, columns: 7, query: q, keys, values }))
    const packed = attentionForward({ ...batch, starts })
    const alone = attentionForward({
      ...shape,
      starts: new Uint32Array(3),
      query: q.slice(4 * 12),
      key: keys.slice(4 * 6),
      value: values.slice(4 * 6),
    })
    expect(packed.slice(4 * 12)).toEqual(alone)
  })
})

test('embedding: rows gathered twice add up, others stay zero', () => {
  const table = randomDoubles(30, 5 * 2)
  const indices = Uint32Array.of(3, 1, 3)
  const g = randomDoubles(31, 6)
  const f = () =>
    weighted(
      [...indices].flatMap((row) => [...table.slice(row * 2, row * 2 + 2)]),
      g,
    )
  expectGradient(f, table, scatterRows(5, 2, indices, g))
})

test('cross-entropy: masked rows carry neither loss nor gradient', () => {
  const logits = randomDoubles(40, 4 * 5, 3)
  const targets = Uint32Array.of(2, 0xffffffff, 0, 4)
  const scale = 1 / 3
  const f = () => crossEntropy(logits, 5, targets, scale).losses.reduce((sum, loss) => sum + loss * scale, 0)
  const { losses, gradient } = crossEntropy(logits, 5, targets, scale)
  expectGradient(f, logits, gradient)
  expect(losses[1]).toBe(0)
  expect([...gradient.slice(5, 10)]).toEqual([0, 0, 0, 0, 0])
  // Large logits neither overflow nor lose their loss.
  const large = crossEntropy(Float64Array.of(1000, -1000), 2, Uint32Array.of(1), 1)
  expect([large.losses[0], ...large.gradient]).toEqual([2000, 1, -1])
})

test('dropout: the expectation stays, the mask follows from the draw alone', () => {
  const input = new Float64Array(8000).fill(1)
  const draw = { seed: 7, step: 3, microBatch: 0, stream: 2 }
  const out = dropout(input, 0.25, draw)
  expect(new Set(out)).toEqual(new Set([0, 1 / 0.75]))
  const mean = out.reduce((sum, value) => sum + value, 0) / out.length
  // Five standard deviations of the mean of 8000 draws: sqrt(1/3 / 8000).
  expect(Math.abs(mean - 1)).toBeLessThan(5 * Math.sqrt(1 / 3 / 8000))
  expect(dropout(input, 0.25, draw)).toEqual(out)
  for (const other of [{ seed: 8 }, { step: 4 }, { microBatch: 1 }, { stream: 3 }]) {
    expect(dropout(input, 0.25, { ...draw, ...other })).not.toEqual(out)
  }
})

test('AdamW: a constant gradient moves by the learning rate, decay apart from the moments', () => {
  const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0.5 }
  const state = {
    parameter: Float64Array.of(2, 2),
    firstMoment: new Float64Array(2),
    secondMoment: new Float64Array(2),
  }
  // Corrected moments of a constant gradient are the gradient itself and its square: each step is the learning rate.
  let want = 2
  for (let step = 1; step <= 5; step++) {
    adamWStep(state, [3, -3], options, step)
    want = want * 0.95 - 0.1
    expect(state.parameter[0]).toBeCloseTo(want, 12)
  }
})
