// Model Stock: between the base and the parents' average, at a place that follows from the angles between their changes.
// Jang et al., "Model Stock: all we need is just a few fine-tuned models", arXiv 2403.19522.

import type { MergeGroup, MergeOperator } from '#core/merge/operator.ts'
import { sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'
import { rowsOf, taskVectors } from '#core/merge/tensor-arithmetic.ts'

const TINY_PRODUCT = 1e-6
const TINY_DENOMINATOR = 1e-6

export const MODEL_STOCK: MergeOperator = createSpanOperator({
  name: 'model_stock',
  title: 'Model Stock',
  source: 'https://arxiv.org/abs/2403.19522',
  base: 'origin',
  parents: { min: 2, max: Infinity },
  parameters: [
    {
      name: 'filter_wise',
      type: 'boolean',
      scope: 'shared',
      default: false,
      meaning: 'find the place for every row by itself',
    },
  ],
  coefficients(products, values) {
    if (sharedValue(values, 'filter_wise') !== 0) return null
    return new Array<number>(products.count).fill(placeOf(products.count, products.dot) / products.count)
  },
  otherwise: mergeRows,
})

function mergeRows(group: MergeGroup): Float32Array {
  const vectors = taskVectors(group)
  const { columns } = rowsOf(group.shape)
  const out = new Float32Array(vectors[0]!.length)
  for (let start = 0; start < out.length; start += columns) {
    const rows = vectors.map((vector) => vector.subarray(start, start + columns))
    const place = placeOf(rows.length, (i, j) => {
      let sum = 0
      for (let k = 0; k < columns; k++) sum += rows[i]![k]! * rows[j]![k]!
      return sum
    })
    for (let k = 0; k < columns; k++) {
      let sum = 0
      for (const row of rows) sum += row[k]!
      out[start + k] = (group.base === null ? 0 : group.base[start + k]!) + (place * sum) / rows.length
    }
  }
  return out
}

/** How far from the base (0) to the average (1): N·cosθ / (1 + (N − 1)·cosθ), with the mean cosine over pairs. */
function placeOf(count: number, dot: (i: number, j: number) => number): number {
  const lengths = Array.from({ length: count }, (_, i) => Math.sqrt(dot(i, i)))
  let sum = 0
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      sum += Math.min(1, Math.max(-1, dot(i, j) / Math.max(lengths[i]! * lengths[j]!, TINY_PRODUCT)))
    }
  }
  const cosine = sum / ((count * (count - 1)) / 2)
  const denominator = 1 + (count - 1) * cosine
  return Math.abs(denominator) < TINY_DENOMINATOR ? 0 : (count * cosine) / denominator
}
