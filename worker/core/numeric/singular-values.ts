// Singular value decomposition of small and of low-rank matrices, in double. A matrix is a list of its columns.

export type Columns = readonly Float64Array[]

export interface SingularValues {
  /** Left vectors, one for each value; zero where the value is. */
  readonly left: Columns
  /** Falling. */
  readonly values: readonly number[]
  readonly right: Columns
}

/** What is left of a column once the columns before it are taken out counts as nothing below this share of it. */
const DEPENDENT = 1e-13
const MOST_SWEEPS = 60
/** Cosine below which two columns count as orthogonal. */
const ORTHOGONAL = 1e-15

/**
 * `columns = q · r`: q orthonormal, with fewer columns where they depend on one another; r by columns, as long as q has
 * columns. Gram–Schmidt, twice over each column (Giraud et al. 2005: twice is enough).
 */
export function orthonormalise(columns: Columns): { readonly q: Columns; readonly r: Columns } {
  const q: Float64Array[] = []
  const factors: number[][] = []
  for (const column of columns) {
    const rest = column.slice()
    const before = length(column)
    const factor = new Array<number>(q.length).fill(0)
    for (let pass = 0; pass < 2; pass++) {
      for (const [i, basis] of q.entries()) {
        const along = product(basis, rest)
        factor[i]! += along
        for (let k = 0; k < rest.length; k++) rest[k]! -= along * basis[k]!
      }
    }
    const after = length(rest)
    if (after > DEPENDENT * before) {
      for (let k = 0; k < rest.length; k++) rest[k]! /= after
      q.push(rest)
      factor.push(after)
    }
    factors.push(factor)
  }
  const r = factors.map((factor) => Float64Array.from({ length: q.length }, (_, i) => factor[i] ?? 0))
  return { q, r }
}

/** Of the matrix x · yᵀ, where x and y have as many columns each: exact up to rounding, never multiplied out. */
export function singularValuesOfProduct(x: Columns, y: Columns): SingularValues {
  const { left, right, small } = decomposeProduct(x, y)
  return {
    values: small.values,
    left: small.left.map((vector) => weigh(left.q, vector, x[0]?.length ?? 0)),
    right: small.right.map((vector) => weigh(right.q, vector, y[0]?.length ?? 0)),
  }
}

/** The singular values of x · yᵀ alone, falling: what is left out is the longer half of the work. */
export function spectrumOfProduct(x: Columns, y: Columns): readonly number[] {
  return decomposeProduct(x, y).small.values
}

function decomposeProduct(x: Columns, y: Columns) {
  const left = orthonormalise(x)
  const right = orthonormalise(y)
  // x·yᵀ = Qx (Rx·Ryᵀ) Qyᵀ; the core by columns: its column j is Σ over k of Rx[k] · Ry[k][j].
  const core = right.q.map((_, j) => {
    const column = new Float64Array(left.q.length)
    for (const [k, factor] of left.r.entries()) {
      const share = right.r[k]![j]!
      for (let i = 0; i < column.length; i++) column[i]! += factor[i]! * share
    }
    return column
  })
  return { left, right, small: jacobi(core) }
}

/** One-sided Jacobi (Hestenes 1958): columns are turned against one another until all are orthogonal. */
function jacobi(matrix: Columns): SingularValues {
  const columns = matrix.map((column) => column.slice())
  const turned = columns.map((_, j) => Float64Array.from({ length: columns.length }, (_, i) => (i === j ? 1 : 0)))
  for (let sweep = 0, turns = 1; sweep < MOST_SWEEPS && turns > 0; sweep++) {
    turns = 0
    for (let i = 0; i < columns.length; i++) {
      for (let j = i + 1; j < columns.length; j++) {
        const x = columns[i]!
        const y = columns[j]!
        const xx = product(x, x)
        const yy = product(y, y)
        const xy = product(x, y)
        if (xy === 0 || Math.abs(xy) <= ORTHOGONAL * Math.sqrt(xx * yy)) continue
        turns++
        const ratio = (yy - xx) / (2 * xy)
        const tangent = (ratio >= 0 ? 1 : -1) / (Math.abs(ratio) + Math.hypot(1, ratio))
        const cosine = 1 / Math.hypot(1, tangent)
        rotate(x, y, cosine, cosine * tangent)
        rotate(turned[i]!, turned[j]!, cosine, cosine * tangent)
      }
    }
  }
  const lengths = columns.map(length)
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  // A pair of vectors is known up to its sign: the largest entry of the left one is positive.
  const signs = columns.map((column) => {
    let most = 0
    for (const value of column) if (Math.abs(value) > Math.abs(most)) most = value
    return most < 0 ? -1 : 1
  })
  return {
    values: order.map((i) => lengths[i]!),
    left: order.map((i) => columns[i]!.map((value) => (lengths[i] === 0 ? 0 : (signs[i]! * value) / lengths[i]!))),
    right: order.map((i) => turned[i]!.map((value) => signs[i]! * value)),
  }
}

function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let k = 0; k < x.length; k++) {
    const a = x[k]!
    const b = y[k]!
    x[k] = cosine * a - sine * b
    y[k] = sine * a + cosine * b
  }
}

function weigh(columns: Columns, weights: Float64Array, rows: number): Float64Array {
  const out = new Float64Array(rows)
  for (const [k, column] of columns.entries()) {
    const weight = weights[k]!
    for (let i = 0; i < rows; i++) out[i]! += weight * column[i]!
  }
  return out
}

function product(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!
  return sum
}

function length(x: Float64Array): number {
  return Math.sqrt(product(x, x))
}
