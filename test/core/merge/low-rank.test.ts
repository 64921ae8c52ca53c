// Singular values and low-rank sums, on matrices whose decomposition is known beforehand.

import { describe, expect, test } from 'vitest'
import {
  innerProduct,
  multiplyOut,
  stack,
  truncateMatrix,
  truncateSum,
  type LowRankUpdate,
} from '#core/merge/low-rank.ts'
import { dot } from '#core/merge/tensor-arithmetic.ts'
import { orthonormalise, singularValuesOfProduct } from '#core/numeric/singular-values.ts'
import { uniformAt } from '#core/sampling/philox.ts'

const noise = (seed: number, length: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => 2 * uniformAt(seed, i) - 1)

/** A matrix with these singular values, and random vectors. */
function withValues(values: readonly number[], rows: number, columns: number): Float32Array {
  const left = orthonormalise(values.map((_, k) => noise(k, rows))).q
  const right = orthonormalise(values.map((_, k) => noise(1000 + k, columns))).q
  const out = new Float32Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      out[i * columns + j] = values.reduce((sum, value, k) => sum + value * left[k]![i]! * right[k]![j]!, 0)
    }
  }
  return out
}

const falling = (count: number, ratio: number): number[] => Array.from({ length: count }, (_, k) => 10 * ratio ** k)
const norm = (values: readonly number[]): number => Math.hypot(...values)

describe('singular values', () => {
  test('of a product are those it was made with, and its vectors give it back', () => {
    const values = [7, 3, 3, 0.5, 1e-4]
    const rows = 9
    const columns = 6
    const matrix = withValues(values, rows, columns)
    const x = Array.from({ length: columns }, (_, j) =>
      Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!),
    )
    const unit = x.map((_, j) => Float64Array.from(x, (_, i) => (i === j ? 1 : 0)))
    const found = singularValuesOfProduct(x, unit)
    for (const [k, value] of values.entries()) expect(found.values[k]).toBeCloseTo(value, 5)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const entry = found.values.reduce((sum, value, k) => sum + value * found.left[k]![i]! * found.right[k]![j]!, 0)
        expect(entry).toBeCloseTo(matrix[i * columns + j]!, 10)
      }
    }
  })

  test('of columns that depend on one another, and of nothing', () => {
    const column = noise(5, 8)
    const double = column.map((value) => 2 * value)
    const unit = [Float64Array.of(1, 0), Float64Array.of(0, 1)]
    const found = singularValuesOfProduct([column, double], unit)
    expect(found.values[0]).toBeCloseTo(Math.sqrt(5) * norm([...column]), 10)
    expect(found.values.slice(1).every((value) => value < 1e-12)).toBe(true)
    expect(singularValuesOfProduct([new Float64Array(3)], [new Float64Array(4)]).values).toEqual([])
  })
})

describe('cutting a matrix back', () => {
  test.each([
    ['tall, whole', 40, 12, falling(12, 0.5), 3],
    ['wide, whole', 7, 50, falling(7, 0.7), 4],
    ['large, by iteration', 230, 260, falling(30, 0.6), 5],
    ['large and flat', 210, 200, falling(60, 0.98), 4],
  ])('%s', (_name, rows, columns, values, rank) => {
    const matrix = withValues(values, rows, columns)
    const { update, residual } = truncateMatrix(matrix, rows, columns, rank)
    const best = norm(values.slice(rank)) / norm(values)
    expect(Math.abs(residual - best)).toBeLessThan(2e-5)
    const kept = multiplyOut(update)
    const off = Math.sqrt(kept.reduce((sum, value, i) => sum + (value - matrix[i]!) ** 2, 0)) / norm(values)
    expect(Math.abs(off - residual)).toBeLessThan(1e-6)
    expect(truncateMatrix(matrix, rows, columns, rank)).toEqual({ update, residual })
  })

  test('to more than it has leaves nothing out; of nothing is nothing', () => {
    const matrix = withValues([3, 2], 5, 4)
    const { update, residual } = truncateMatrix(matrix, 5, 4, 6)
    expect(residual).toBe(0)
    expect(update.a.length).toBe(24)
    multiplyOut(update).forEach((value, i) => expect(value).toBeCloseTo(matrix[i]!, 5))
    expect(truncateMatrix(new Float32Array(20), 5, 4, 2).residual).toBe(0)
  })
})

describe('sums of updates', () => {
  const update = (seed: number, rank: number): LowRankUpdate => ({
    rows: 6,
    columns: 5,
    rank,
    scale: 0.5 + seed,
    a: Float32Array.from(noise(seed, rank * 5)),
    b: Float32Array.from(noise(seed + 50, 6 * rank)),
  })
  const updates = [update(1, 2), update(2, 3)]
  const weights = [0.75, -0.5]
  const whole = multiplyOut(updates[0]!).map((value, i) => 0.75 * value - 0.5 * multiplyOut(updates[1]!)[i]!)

  test('inner products are those of the matrices', () => {
    const [x, y] = updates as [LowRankUpdate, LowRankUpdate]
    expect(innerProduct(x, y)).toBeCloseTo(dot(multiplyOut(x), multiplyOut(y)), 5)
    expect(innerProduct(x, x)).toBeCloseTo(dot(multiplyOut(x), multiplyOut(x)), 4)
  })

  test('stacked, with room to spare', () => {
    multiplyOut(stack(updates, weights, 7)).forEach((value, i) => expect(value).toBeCloseTo(whole[i]!, 5))
  })

  test('cut back as the matrix is, and two that cancel leave nothing', () => {
    const both = [truncateSum(updates, weights, 2), truncateMatrix(whole, 6, 5, 2)] as const
    expect(both[0].residual).toBeCloseTo(both[1].residual, 6)
    const other = multiplyOut(both[1].update)
    multiplyOut(both[0].update).forEach((value, i) => expect(value).toBeCloseTo(other[i]!, 4))
    const nothing = truncateSum([updates[0]!, updates[0]!], [1, -1], 1)
    expect(Math.max(...multiplyOut(nothing.update).map(Math.abs))).toBeLessThan(1e-12)
  })
})
