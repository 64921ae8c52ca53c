// Lengths, angles and spectra of whole adapters, from the factors of ΔW alone: nothing is multiplied out, and an adapter
// whose factors were turned against each other (B·Q, Q⁻¹·A) measures as the one it was.

import type { AdapterUpdates } from '#core/gate/layer.ts'
import { innerProduct, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { spectrumOfProduct } from '#core/numeric/singular-values.ts'

/** Σ over modules of ⟨ΔWx, ΔWy⟩; a module that one of them lacks, or has in another shape, adds nothing. */
export function dotUpdates(x: AdapterUpdates, y: AdapterUpdates): number {
  let sum = 0
  for (const [name, own] of x) {
    const other = y.get(name)
    if (other?.rows === own.rows && other.columns === own.columns) sum += innerProduct(own, other)
  }
  return sum
}

/** ‖ΔW‖ over all modules, Frobenius. */
export const normOf = (updates: AdapterUpdates): number => Math.sqrt(Math.max(0, dotUpdates(updates, updates)))

/** 0 where one of the two changes nothing. */
export function cosineOf(dot: number, x: number, y: number): number {
  return x > 0 && y > 0 ? dot / (x * y) : 0
}

/** The singular values of ΔW, falling: those of the r × r core between the factors' orthonormal bases. */
export function spectrumOf({ rows, columns, rank, scale, a, b }: LowRankUpdate): number[] {
  const left = Array.from({ length: rank }, (_, k) =>
    Float64Array.from({ length: rows }, (_row, row) => b[row * rank + k] as number),
  )
  const right = Array.from({ length: rank }, (_, k) => Float64Array.from(a.subarray(k * columns, (k + 1) * columns)))
  return spectrumOfProduct(left, right).map((value) => Math.abs(scale) * value)
}

export function medianOf(values: readonly number[]): number {
  const ordered = [...values].sort((x, y) => x - y)
  const middle = ordered.length >> 1
  if (ordered.length === 0) return 0
  return ordered.length % 2 === 1
    ? (ordered[middle] as number)
    : ((ordered[middle - 1] as number) + (ordered[middle] as number)) / 2
}
