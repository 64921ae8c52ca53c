// What attackers compute from adapters, as the papers say it: their own update turned round or scaled, one that lies among
// the honest and pulls against them, a copy of somebody's work. All on ΔW in factors; where a paper's update is no sum of
// factors (a deviation element by element), its best low-rank part is what can be published.

import type { AdapterUpdates } from '#core/gate/layer.ts'
import { dotUpdates, normOf } from '#core/gate/update-geometry.ts'
import { multiplyOut, stack, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { orthonormalise, type Columns } from '#core/numeric/singular-values.ts'
import type { Draws } from './draws.ts'

/** Rank of what is not a sum of few adapters. */
const PUBLISHED_RANK = 8

const mapModules = (
  updates: AdapterUpdates,
  change: (update: LowRankUpdate, module: string) => LowRankUpdate,
): AdapterUpdates => new Map([...updates].map(([module, update]) => [module, change(update, module)]))

export const scale = (updates: AdapterUpdates, factor: number): AdapterUpdates =>
  mapModules(updates, (update) => ({ ...update, b: update.b.map((value) => value * factor) }))

/** Σ weights·updates, exactly. */
export function add(all: readonly AdapterUpdates[], weights: readonly number[]): AdapterUpdates {
  return mapModules(all[0] as AdapterUpdates, (_, module) => {
    const parts = all.map((updates) => updates.get(module) as LowRankUpdate)
    return stack(
      parts,
      weights,
      parts.reduce((sum, { rank }) => sum + rank, 0),
    )
  })
}

export const mean = (all: readonly AdapterUpdates[]): AdapterUpdates =>
  add(
    all,
    all.map(() => 1 / all.length),
  )

/** Baruch, Baruch and Goldberg, "A little is enough" (NeurIPS 2019): the mean of the honest less z deviations, element by element. */
export function aLittleIsEnough(honest: readonly AdapterUpdates[], z: number, draws: Draws): AdapterUpdates {
  return mapModules(honest[0] as AdapterUpdates, ({ rows, columns }, module) => {
    const all = honest.map((updates) => multiplyOut(updates.get(module) as LowRankUpdate))
    const moved = new Float32Array(rows * columns)
    for (let i = 0; i < moved.length; i++) {
      let sum = 0
      let squares = 0
      for (const one of all) {
        sum += one[i] as number
        squares += (one[i] as number) ** 2
      }
      const middle = sum / all.length
      moved[i] = middle - z * Math.sqrt(Math.max(0, squares / all.length - middle ** 2))
    }
    return leadingPart(moved, rows, columns, draws)
  })
}

/** Xie, Koyejo and Gupta, "Fall of empires" (UAI 2019): −ε times the mean, so that the sum of all points backwards. */
export const innerProductManipulation = (honest: readonly AdapterUpdates[], epsilon: number): AdapterUpdates =>
  scale(mean(honest), -epsilon)

/**
 * Shejwalkar and Houmansadr (NDSS 2021), min-max with the inverse unit vector: as far from the mean as one may go without
 * being farther from any honest update than two honest ones are from each other.
 */
export function minMax(honest: readonly AdapterUpdates[]): AdapterUpdates {
  const middle = mean(honest)
  const length = normOf(middle)
  const distance = (x: AdapterUpdates, y: AdapterUpdates) =>
    Math.sqrt(Math.max(0, dotUpdates(x, x) + dotUpdates(y, y) - 2 * dotUpdates(x, y)))
  const widest = Math.max(...honest.flatMap((x, i) => honest.slice(i + 1).map((y) => distance(x, y))))
  const at = (gamma: number) => scale(middle, 1 - gamma / length)
  let [low, high] = [0, 100 * widest]
  for (let round = 0; round < 40; round++) {
    const gamma = (low + high) / 2
    const moved = at(gamma)
    if (honest.every((one) => distance(one, moved) <= widest)) low = gamma
    else high = gamma
  }
  return at(low)
}

/** Trains nothing: factors of noise, as long as what others trained. */
export function freeRide(like: AdapterUpdates, draws: Draws): AdapterUpdates {
  const noise = mapModules(like, (update) => ({
    ...update,
    a: update.a.map(() => draws.normal()),
    b: update.b.map(() => draws.normal()),
  }))
  return scale(noise, normOf(like) / normOf(noise))
}

/** The same update under other factors (B·Q, Q⁻¹·A for a random Q), with noise of `jitter` times each factor's deviation. */
export function disguise(updates: AdapterUpdates, jitter: number, draws: Draws): AdapterUpdates {
  return mapModules(updates, ({ rows, columns, rank, scale: factor, a, b }) => {
    const angle = 2 * Math.PI * draws.uniform()
    const [cosine, sine, stretch] = [Math.cos(angle), Math.sin(angle), 0.5 + draws.uniform()]
    const turnedA = a.slice()
    const turnedB = b.slice()
    for (let i = 0; i < columns; i++) {
      const [x, y] = [a[i] as number, a[columns + i] as number]
      turnedA[i] = (cosine * x - sine * y) * stretch
      turnedA[columns + i] = (sine * x + cosine * y) * stretch
    }
    for (let row = 0; row < rows; row++) {
      const [x, y] = [b[row * rank] as number, b[row * rank + 1] as number]
      turnedB[row * rank] = (cosine * x - sine * y) / stretch
      turnedB[row * rank + 1] = (sine * x + cosine * y) / stretch
    }
    return { rows, columns, rank, scale: factor, a: shake(turnedA, jitter, draws), b: shake(turnedB, jitter, draws) }
  })
}

function shake(values: Float32Array<ArrayBuffer>, jitter: number, draws: Draws): Float32Array<ArrayBuffer> {
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  return values.map((value) => value + jitter * deviation * draws.normal())
}

/** Halko, Martinsson and Tropp's range finder with one power iteration: M ≈ Q·(QᵀM). */
function leadingPart(matrix: Float32Array, rows: number, columns: number, draws: Draws): LowRankUpdate {
  const times = (vectors: Columns) =>
    vectors.map((vector) =>
      Float64Array.from({ length: rows }, (_, row) => {
        let sum = 0
        for (let k = 0; k < columns; k++) sum += (matrix[row * columns + k] as number) * (vector[k] as number)
        return sum
      }),
    )
  const back = (vectors: Columns) =>
    vectors.map((vector) => {
      const out = new Float64Array(columns)
      for (let row = 0; row < rows; row++) {
        const factor = vector[row] as number
        for (let k = 0; k < columns; k++) out[k] = (out[k] as number) + factor * (matrix[row * columns + k] as number)
      }
      return out
    })
  const start = Array.from({ length: PUBLISHED_RANK }, () =>
    Float64Array.from({ length: columns }, () => draws.normal()),
  )
  const { q } = orthonormalise(times(back(orthonormalise(times(start)).q)))
  const right = back(q)
  const rank = PUBLISHED_RANK
  const a = new Float32Array(rank * columns)
  const b = new Float32Array(rows * rank)
  for (const [k, vector] of q.entries()) {
    a.set(right[k] as Float64Array, k * columns)
    for (let row = 0; row < rows; row++) b[row * rank + k] = vector[row] as number
  }
  return { rows, columns, rank, scale: 1, a, b }
}
