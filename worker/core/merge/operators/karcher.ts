// Karcher mean: the point of the sphere with the least squared angular distance to the parents' directions, by steps in
// the tangent plane, at their mean length. Karcher, "Riemannian center of mass and mollifier smoothing", CPAM 1977;
// for merging: arXiv 2603.04972.

import type { MergeOperator } from '#core/merge/operator.ts'
import { sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'

export const KARCHER: MergeOperator = createSpanOperator({
  name: 'karcher',
  title: 'Karcher mean',
  source: 'https://arxiv.org/abs/2603.04972',
  base: 'none',
  parents: { min: 1, max: Infinity },
  parameters: [
    { name: 'max_iter', type: 'integer', scope: 'shared', default: 10, min: 0, max: 10_000, meaning: 'most steps' },
    {
      name: 'tol',
      type: 'number',
      scope: 'shared',
      default: 1e-5,
      min: 0,
      max: 1,
      meaning: 'steps and lengths below it count as none',
    },
  ],
  coefficients(products, values) {
    const count = products.count
    if (count === 1) return [1]
    const tol = sharedValue(values, 'tol')
    const lengths = Array.from({ length: count }, (_, i) => Math.sqrt(products.dot(i, i)))
    const valid = lengths.flatMap((length, i) => (length > tol ? [i] : []))
    if (valid.length === 0) return lengths.map(() => 0)
    const cosines = valid.map((i) => valid.map((j) => products.dot(i, j) / (lengths[i]! * lengths[j]!)))
    const mean = directionMean(cosines, sharedValue(values, 'max_iter'), tol)
    const length = sum(lengths) / count
    const coefficients = lengths.map(() => 0)
    for (const [place, i] of valid.entries()) coefficients[i] = (length * mean[place]!) / lengths[i]!
    return coefficients
  },
})

/** The mean of unit vectors with these cosines, by its coefficients over them. */
function directionMean(cosines: readonly (readonly number[])[], steps: number, tol: number): number[] {
  const count = cosines.length
  const timesCosines = (x: readonly number[]): number[] =>
    cosines.map((row) => sum(row.map((cosine, j) => cosine * x[j]!)))
  const lengthOf = (x: readonly number[]): number => {
    const products = timesCosines(x)
    return Math.sqrt(Math.max(0, sum(x.map((value, i) => value * products[i]!))))
  }
  let mean = new Array<number>(count).fill(1 / count)
  const start = lengthOf(mean)
  mean = start < tol ? mean.map((_, i) => (i === 0 ? 1 : 0)) : mean.map((value) => value / start)

  for (let step = 0; step < steps; step++) {
    const along = timesCosines(mean)
    const tangent = new Array<number>(count).fill(0)
    for (let i = 0; i < count; i++) {
      const cosine = Math.min(1, Math.max(-1, along[i]!))
      const angle = Math.acos(cosine)
      if (angle < tol) continue
      // For an antiparallel parent every direction is as good; mergekit divides by almost zero there. It is left out.
      const sine = Math.sin(angle)
      if (sine < 1e-9) continue
      const factor = angle / sine / count
      tangent[i]! += factor
      for (let j = 0; j < count; j++) tangent[j]! -= factor * cosine * mean[j]!
    }
    const angle = lengthOf(tangent)
    if (angle < tol) break
    mean = mean.map((value, i) => Math.cos(angle) * value + (Math.sin(angle) * tangent[i]!) / angle)
    const length = lengthOf(mean)
    if (length > tol) mean = mean.map((value) => value / length)
  }
  return mean
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
