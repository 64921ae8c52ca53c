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

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** Σ|xᵢ|. */
export function absoluteSum(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += Math.abs(value)
  return sum
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
  for (let i = 0; i < out.length; i++) {
    let sum = origin === null ? 0 : origin[i]!
    for (let k = 0; k < vectors.length; k++) sum += coefficients[k]! * vectors[k]![i]!
    out[i] = sum
  }
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
