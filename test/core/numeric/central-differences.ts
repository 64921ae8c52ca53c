// Holds a gradient to what the function itself does: (f(x + h) - f(x - h)) / 2h, in double.

import { expect } from 'vitest'
import { seeded } from './seeded.ts'

export function randomDoubles(seed: number, count: number, scale = 1): Float64Array<ArrayBuffer> {
  const next = seeded(seed)
  return Float64Array.from({ length: count }, () => next() * scale)
}

/** `f` may read `x` as it stands at each call; every element of `gradient` is compared. */
export function expectGradient(f: () => number, x: Float64Array, gradient: ArrayLike<number>, tolerance = 1e-7): void {
  expect(gradient.length).toBe(x.length)
  const h = 1e-5
  const unit = Math.max(1e-3, ...Array.from(gradient, Math.abs))
  for (let i = 0; i < x.length; i++) {
    const kept = x[i] as number
    x[i] = kept + h
    const above = f()
    x[i] = kept - h
    const below = f()
    x[i] = kept
    const want = (above - below) / (2 * h)
    const error = Math.abs(want - (gradient[i] as number)) / unit
    expect(error, `element ${i}: gradient ${gradient[i]}, difference ${want}`).toBeLessThanOrEqual(tolerance)
  }
}

/** The weighted sum that turns an output into one number, whose gradient is `weights`. */
export const weighted = (output: ArrayLike<number>, weights: ArrayLike<number>): number =>
  Array.from(output).reduce((sum, value, i) => sum + value * (weights[i] as number), 0)
