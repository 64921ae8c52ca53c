// Arithmetic on tensors taken as flat vectors: differences, inner products and weighted sums, added up in double.

import { CentramError } from '#core/errors.ts'
import type { InnerProducts, MergeGroup } from '#core/merge/operator.ts'

/** `a − b`, rounded to f32 as mergekit's task vectors are. */
export function difference(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length)
  for (let i = 0; i < out.length; i++) out[i] = a[i]! - b[i]!
  return out
}

/** What each parent changes of the base; the parents themselves where there is no base. */
export function taskVectors(group: MergeGroup): readonly Float32Array[] {
  const { base, parents } = group
  return base === null ? parents : parents.map((parent) => difference(parent, base))
}

/** In four sums side by side, which need not wait for one another. */
export function dot(a: Float32Array, b: Float32Array): number {
  const length = a.length
  const whole = length - (length % 4)
  let sum0 = 0
  let sum1 = 0
  let sum2 = 0
  let sum3 = 0
  for (let i = 0; i < whole; i += 4) {
    sum0 += a[i]! * b[i]!
    sum1 += a[i + 1]! * b[i + 1]!
    sum2 += a[i + 2]! * b[i + 2]!
    sum3 += a[i + 3]! * b[i + 3]!
  }
  for (let i = whole; i < length; i++) sum0 += a[i]! * b[i]!
  return sum0 + sum1 + (sum2 + sum3)
}

/** Σ|xᵢ|. */
export function absoluteSum(values: Float32Array): number {
  const length = values.length
  const whole = length - (length % 4)
  let sum0 = 0
  let sum1 = 0
  let sum2 = 0
  let sum3 = 0
  for (let i = 0; i < whole; i += 4) {
    sum0 += Math.abs(values[i]!)
    sum1 += Math.abs(values[i + 1]!)
    sum2 += Math.abs(values[i + 2]!)
    sum3 += Math.abs(values[i + 3]!)
  }
  for (let i = whole; i < length; i++) sum0 += Math.abs(values[i]!)
  return sum0 + sum1 + (sum2 + sum3)
}

/** Elements that are worked on at a time, so that sums in double stay in the cache. */
export const STRETCH = 2048

/** Calls `work` for one stretch after another of `length` elements. */
export function forStretches(length: number, work: (first: number, count: number) => void): void {
  for (let first = 0; first < length; first += STRETCH) work(first, Math.min(STRETCH, length - first))
}

/** Adds `factor · values` to sums, which begin at element `first`. */
export function addScaled(
  sums: Float64Array,
  values: Float32Array,
  first: number,
  count: number,
  factor: number,
): void {
  for (let j = 0; j < count; j++) sums[j]! += factor * values[first + j]!
}

/** `origin + Σ cᵢ·xᵢ`, rounded once. */
export function combine(
  origin: Float32Array | null,
  vectors: readonly Float32Array[],
  coefficients: readonly number[],
): Float32Array {
  const [first] = vectors
  if (first === undefined) throw new CentramError('INTERNAL', 'A merge of no tensors was asked for.')
  const out = new Float32Array(first.length)
  const sums = new Float64Array(STRETCH)
  forStretches(out.length, (start, count) => {
    sums.fill(0)
    if (origin !== null) for (let j = 0; j < count; j++) sums[j] = origin[start + j]!
    for (let k = 0; k < vectors.length; k++) addScaled(sums, vectors[k]!, start, count, coefficients[k]!)
    for (let j = 0; j < count; j++) out[start + j] = sums[j]!
  })
  return out
}

/** Inner products computed when they are asked for, each once. */
export function lazyInnerProducts(count: number, compute: (i: number, j: number) => number): InnerProducts {
  const known = new Map<number, number>()
  return {
    count,
    dot(i, j) {
      const key = i < j ? i * count + j : j * count + i
      let value = known.get(key)
      if (value === undefined) known.set(key, (value = compute(Math.min(i, j), Math.max(i, j))))
      return value
    },
  }
}

/** How a tensor falls into vectors along its last axis: a scalar is one row of one. */
export function rowsOf(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  const columns = shape.at(-1) ?? 1
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1)
  return { rows, columns }
}
