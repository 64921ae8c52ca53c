// Multi-SLERP: several parents on a sphere, interpolated in the plane that touches it at their weighted mean.
// Goddard, https://goddard.blog/posts/multislerp-wow-what-a-cool-idea.

import type { MergeOperator } from '#core/merge/operator.ts'
import { parentValues, refuse, sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'

export const MULTISLERP: MergeOperator = createSpanOperator({
  name: 'multislerp',
  title: 'Multi-SLERP',
  source: 'https://goddard.blog/posts/multislerp-wow-what-a-cool-idea',
  base: 'optional',
  parents: { min: 1, max: Infinity },
  parameters: [
    { name: 'weight', type: 'number', scope: 'parent', default: 1, meaning: 'share of the parent' },
    {
      name: 'normalize_weights',
      type: 'boolean',
      scope: 'shared',
      default: true,
      meaning: 'divide the weights by their sum',
    },
    { name: 'eps', type: 'number', scope: 'shared', default: 1e-8, min: 0, max: 1, meaning: 'added to lengths' },
  ],
  check(values) {
    if (sharedValue(values, 'normalize_weights') !== 0 && sum(parentValues(values, 'weight')) === 0) {
      throw refuse(MULTISLERP, 'cannot divide by weights that add up to 0; change one, or set normalize_weights=false')
    }
  },
  coefficients(products, values, name) {
    const given = parentValues(values, 'weight')
    if (given.length === 1) return [1]
    const eps = sharedValue(values, 'eps')
    const divisor = sharedValue(values, 'normalize_weights') === 0 ? 1 : sum(given)
    const weights = given.map((weight) => weight / divisor)
    const lengths = given.map((_, i) => Math.sqrt(products.dot(i, i)))
    // Vectors are written by their coefficients over the parents' unit vectors, whose inner products are known.
    const cosine = (i: number, j: number): number => products.dot(i, j) / ((lengths[i]! + eps) * (lengths[j]! + eps))
    const inner = (x: readonly number[], y: readonly number[]): number =>
      sum(x.map((xi, i) => xi * sum(y.map((yj, j) => yj * cosine(i, j)))))

    const meanLength = Math.sqrt(Math.max(0, inner(weights, weights)))
    // Nothing changed anywhere, as in tensors that no parent trained: the sum is zero with any weights.
    if (lengths.every((length) => length === 0)) return weights
    if (meanLength < eps) {
      if (given.length === 2) return weights
      throw refuse(MULTISLERP, `cannot merge "${name}": the weighted parents cancel out. Change a weight`)
    }
    const mean = weights.map((weight) => weight / meanLength)
    const tangent = weights.slice()
    for (const [i, weight] of weights.entries()) {
      const along = sum(mean.map((share, j) => share * cosine(i, j)))
      for (let j = 0; j < tangent.length; j++) tangent[j]! -= weight * along * mean[j]!
    }
    const angle = Math.sqrt(Math.max(0, inner(tangent, tangent))) + eps
    const length = sum(lengths.map((value, i) => value * weights[i]!))
    return lengths.map((value, i) => {
      const unit = mean[i]! * Math.cos(angle) + (angle === 0 ? 0 : (tangent[i]! * Math.sin(angle)) / angle)
      return (unit * length) / (value + eps || 1)
    })
  },
})

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
