// Low-rank weight updates ΔW = scale · B·A, as LoRA has them: sums, inner products and the nearest update of a lower rank.

import { createDraws } from '#core/merge/draws.ts'
import {
  singularValuesOfProduct,
  orthonormalise,
  type Columns,
  type SingularValues,
} from '#core/numeric/singular-values.ts'

export interface LowRankUpdate {
  /** Of ΔW: outputs. */
  readonly rows: number
  /** Of ΔW: inputs. */
  readonly columns: number
  readonly rank: number
  readonly scale: number
  /** `[rank, columns]`, row-major. */
  readonly a: Float32Array
  /** `[rows, rank]`, row-major. */
  readonly b: Float32Array
}

export interface Truncated {
  /** Of the wanted rank, with a scale of 1. */
  readonly update: LowRankUpdate
  /** ‖ΔW − kept‖ / ‖ΔW‖ in the Frobenius norm; 0 for no update at all. */
  readonly residual: number
}

/** ΔW multiplied out, `[rows, columns]`. */
export function multiplyOut({ rows, columns, rank, scale, a, b }: LowRankUpdate): Float32Array {
  const out = new Float32Array(rows * columns)
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[row * rank + k]!
      for (let column = 0; column < columns; column++) sums[column]! += factor * a[k * columns + column]!
    }
    out.set(sums, row * columns)
  }
  return out
}

/** The sum over all elements of the product of two updates of one shape, from their factors alone. */
export function innerProduct(x: LowRankUpdate, y: LowRankUpdate): number {
  let sum = 0
  for (let i = 0; i < x.rank; i++) {
    for (let j = 0; j < y.rank; j++) {
      let overA = 0
      for (let k = 0; k < x.columns; k++) overA += x.a[i * x.columns + k]! * y.a[j * x.columns + k]!
      let overB = 0
      for (let k = 0; k < x.rows; k++) overB += x.b[k * x.rank + i]! * y.b[k * y.rank + j]!
      sum += overA * overB
    }
  }
  return x.scale * y.scale * sum
}

/**
 * Σ cᵢ·ΔWᵢ as one update whose rank is the sum of ranks, filled up with zeros to `rank`: the Aᵢ above one another, times
 * weight and scale, and the Bᵢ side by side.
 */
export function stack(updates: readonly LowRankUpdate[], weights: readonly number[], rank: number): LowRankUpdate {
  const { rows, columns } = updates[0]!
  const a = new Float32Array(rank * columns)
  const b = new Float32Array(rows * rank)
  let at = 0
  for (const [index, update] of updates.entries()) {
    const factor = weights[index]! * update.scale
    for (let i = 0; i < update.a.length; i++) a[at * columns + i] = factor * update.a[i]!
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < update.rank; k++) b[row * rank + at + k] = update.b[row * update.rank + k]!
    }
    at += update.rank
  }
  return { rows, columns, rank, scale: 1, a, b }
}

/** The update of rank `rank` nearest to Σ cᵢ·ΔWᵢ (Eckart and Young 1936), without multiplying any of them out. */
export function truncateSum(updates: readonly LowRankUpdate[], weights: readonly number[], rank: number): Truncated {
  const { rows, columns } = updates[0]!
  const x: Float64Array[] = []
  const y: Float64Array[] = []
  for (const [index, { rank: own, scale, a, b }] of updates.entries()) {
    for (let k = 0; k < own; k++) {
      x.push(Float64Array.from({ length: rows }, (_, row) => b[row * own + k]!))
      y.push(Float64Array.from(a.subarray(k * columns, (k + 1) * columns), (value) => weights[index]! * scale * value))
    }
  }
  return keep(singularValuesOfProduct(x, y), null, rows, columns, rank)
}

/** Up to this many rows or columns a matrix is decomposed whole; above, its leading vectors are found by iteration. */
const WHOLE = 192
/** Vectors iterated besides those wanted, so that the last wanted one converges as fast as the first. */
const OVERSAMPLE = 8
const MOST_ITERATIONS = 16
/** The iteration ends when the energy it has caught grows by less than this share. */
const SETTLED = 1e-7

/**
 * The update of rank `rank` nearest to a matrix `[rows, columns]`. Large ones by subspace iteration from a fixed start
 * (Halko, Martinsson and Tropp, arXiv 0909.4061), so that the result is the same each time.
 */
export function truncateMatrix(matrix: Float32Array, rows: number, columns: number, rank: number): Truncated {
  if (Math.min(rows, columns) <= WHOLE) return keep(decomposeWhole(matrix, rows, columns), null, rows, columns, rank)
  let energy = 0
  for (const value of matrix) energy += value * value
  const decomposed = iterate(matrix, rows, columns, Math.min(rank, rows, columns))
  return keep(decomposed, energy, rows, columns, rank)
}

function decomposeWhole(matrix: Float32Array, rows: number, columns: number): SingularValues {
  const unit = (size: number): Columns =>
    Array.from({ length: size }, (_, j) => Float64Array.from({ length: size }, (_, i) => (i === j ? 1 : 0)))
  if (columns <= rows) {
    const x = Array.from({ length: columns }, (_, j) =>
      Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!),
    )
    return singularValuesOfProduct(x, unit(columns))
  }
  const y = Array.from({ length: rows }, (_, i) => Float64Array.from(matrix.subarray(i * columns, (i + 1) * columns)))
  return singularValuesOfProduct(unit(rows), y)
}

function iterate(matrix: Float32Array, rows: number, columns: number, rank: number): SingularValues {
  const width = Math.min(rank + OVERSAMPLE, rows, columns)
  const draw = createDraws(0, 'subspace', 0)
  let right: Columns = Array.from({ length: width }, (_, j) =>
    Float64Array.from({ length: columns }, (_, i) => 2 * draw(j * columns + i) - 1),
  )
  let caught = 0
  for (let iteration = 0; ; iteration++) {
    const { q: left } = orthonormalise(timesColumns(matrix, rows, columns, right))
    const back = columnsTimes(matrix, columns, left)
    const { q, r } = orthonormalise(back)
    const energy = r.reduce((sum, column) => sum + energyOf(column), 0)
    if (energy - caught <= SETTLED * energy || iteration === MOST_ITERATIONS) return singularValuesOfProduct(left, back)
    caught = energy
    right = q
  }
}

/** matrix · x. */
function timesColumns(matrix: Float32Array, rows: number, columns: number, x: Columns): Columns {
  return x.map((vector) =>
    Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0
      const start = row * columns
      for (let k = 0; k < columns; k++) sum += matrix[start + k]! * vector[k]!
      return sum
    }),
  )
}

/** matrixᵀ · x. */
function columnsTimes(matrix: Float32Array, columns: number, x: Columns): Columns {
  return x.map((vector) => {
    const out = new Float64Array(columns)
    for (let row = 0; row < vector.length; row++) {
      const factor = vector[row]!
      const start = row * columns
      for (let k = 0; k < columns; k++) out[k]! += factor * matrix[start + k]!
    }
    return out
  })
}

/**
 * The leading vectors, each half of a pair with the root of its value: two factors of like size round alike.
 * @param energy the sum of all squared singular values, where not all are known.
 */
function keep(
  { values, left, right }: SingularValues,
  energy: number | null,
  rows: number,
  columns: number,
  rank: number,
): Truncated {
  const a = new Float32Array(rank * columns)
  const b = new Float32Array(rows * rank)
  const kept = Math.min(rank, values.length)
  for (let k = 0; k < kept; k++) {
    const root = Math.sqrt(values[k]!)
    for (let i = 0; i < columns; i++) a[k * columns + i] = root * right[k]![i]!
    for (let i = 0; i < rows; i++) b[i * rank + k] = root * left[k]![i]!
  }
  const whole = energy ?? energyOf(values)
  const missing = energy === null ? energyOf(values.slice(kept)) : energy - energyOf(values.slice(0, kept))
  const residual = whole === 0 ? 0 : Math.sqrt(Math.max(0, missing) / whole)
  return { update: { rows, columns, rank, scale: 1, a, b }, residual }
}

function energyOf(values: Iterable<number>): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
