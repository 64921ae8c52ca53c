// The square between frozen factors: what is done to it is AdamW by its own gradient, and the product never leaves its columns.

import { expect, test } from 'vitest'
import { adamWStep } from '#core/numeric/adamw.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { createRandom } from '../net/simulation.ts'
import { basisOf, createCoreSteps } from '../../../worker/train/core-steps.ts'

const [OUTPUTS, INPUTS, RANK] = [7, 5, 3]
const NAME = 'blk.0.attn_output'
const TERMS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0 }

const random = createRandom(3)
const floats = (length: number) => Float32Array.from({ length }, () => (random(1)[0] as number) / 128 - 1)
const basis = basisOf(floats(OUTPUTS * RANK), RANK)
const a = floats(RANK * INPUTS)
const target = floats(OUTPUTS * INPUTS)
const core = floats(RANK * RANK)

/** x · y of matrices, rows of `x` being `inner` long. */
function multiply(x: ArrayLike<number>, y: ArrayLike<number>, inner: number): Float32Array<ArrayBuffer> {
  const [rows, columns] = [x.length / inner, y.length / inner]
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    let sum = 0
    for (let k = 0; k < inner; k++) sum += (x[row * inner + k] as number) * (y[k * columns + column] as number)
    return sum
  })
}
const lossOf = (square: ArrayLike<number>) =>
  multiply(multiply(basis, square, RANK), a, RANK).reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0) / 2
/** Of half the squared distance to `target`, by B·R. */
const gradientOf = (b: Float32Array) => {
  const rest = multiply(b, a, RANK).map((value, i) => value - target[i]!)
  return Float32Array.from({ length: OUTPUTS * RANK }, (_, i) => {
    const [row, k] = [Math.floor(i / RANK), i % RANK]
    let sum = 0
    for (let column = 0; column < INPUTS; column++) sum += rest[row * INPUTS + column]! * a[k * INPUTS + column]!
    return sum
  })
}
const adapter: Adapter = {
  lora: { targets: ['attn_output'], rank: RANK, alpha: RANK, rankStabilised: false },
  modules: new Map([[NAME, { a, b: multiply(basis, core, RANK) }]]),
}
const start = (terms = TERMS) => createCoreSteps(adapter, new Map([[NAME, basis]]), terms)

test('a basis has orthonormal columns that span what it was made of', () => {
  for (let i = 0; i < RANK; i++) {
    for (let j = 0; j < RANK; j++) {
      let product = 0
      for (let row = 0; row < OUTPUTS; row++) product += basis[row * RANK + i]! * basis[row * RANK + j]!
      expect(product).toBeCloseTo(i === j ? 1 : 0, 5)
    }
  }
  expect(() => basisOf(new Float32Array(OUTPUTS * RANK), RANK)).toThrow('too few directions')
})

test('a step is AdamW on the square by the gradient that its own finite differences have', () => {
  const steps = start()
  const state = {
    parameter: Float64Array.from(core),
    firstMoment: new Float64Array(RANK * RANK),
    secondMoment: new Float64Array(RANK * RANK),
  }
  let b = multiply(basis, core, RANK)
  for (let step = 1; step <= 5; step++) {
    const square = state.parameter.slice()
    const numeric = square.map((_, i) => {
      const moved = (by: number) => lossOf(square.map((value, k) => (k === i ? value + by : value)))
      return (moved(1e-2) - moved(-1e-2)) / 2e-2
    })
    adamWStep(state, numeric, { ...TERMS, learningRate: 0.02 }, step)
    b = steps.update(new Map([[NAME, gradientOf(b)]]), 0.02).get(NAME) as Float32Array<ArrayBuffer>
    const expected = multiply(basis, state.parameter, RANK)
    for (const [i, value] of b.entries()) expect(value).toBeCloseTo(expected[i]!, 4)
  }
})

test('a large gradient is cut to the norm that was given', () => {
  const gradients = new Map([[NAME, gradientOf(adapter.modules.get(NAME)!.b).map((value) => 1000 * value)]])
  // By the size of its first moments alone AdamW does not tell: two steps of different gradients do.
  const small = new Map([[NAME, gradientOf(adapter.modules.get(NAME)!.b)]])
  const run = (clipNorm: number) => {
    const steps = start({ ...TERMS, clipNorm })
    steps.update(gradients, 0.02)
    return steps.update(small, 0.02).get(NAME)!
  }
  expect(run(0)).not.toEqual(run(0.5))
})

test('a module without a basis is an error, not a guess', () => {
  expect(() => createCoreSteps(adapter, new Map(), TERMS)).toThrow('no basis')
})
