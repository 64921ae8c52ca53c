// Averages A and B apart, each with the root of its weight. This is NOT the average of the adapters: the product also holds
// every B with every other A, and of an adapter with itself it is twice that adapter. It is here because PEFT's
// `combination_type="linear"` does it, and it says how far off it is.

import { averageParameters, averageWeights, checkAverage } from '#core/merge/adapter-average.ts'
import { largestRank, type AdapterOperator } from '#core/merge/adapter-operator.ts'
import { innerProduct, type LowRankUpdate } from '#core/merge/low-rank.ts'
import { refuse } from '#core/merge/parameters.ts'

export const LORA_LINEAR: AdapterOperator = {
  name: 'lora_linear',
  title: 'A and B averaged apart (inexact)',
  source: 'https://huggingface.co/docs/peft/package_reference/lora',
  base: 'none',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: averageParameters,
  check: (values) => checkAverage(LORA_LINEAR, values),
  rankOf(ranks, wanted) {
    const rank = largestRank(ranks)
    if (ranks.some((list) => new Set(list).size > 1)) {
      throw refuse(LORA_LINEAR, 'needs parents of one rank, and these differ. Use lora_stack or lora_svd')
    }
    if (wanted === undefined || wanted === rank) return rank
    throw refuse(LORA_LINEAR, `keeps the parents’ rank: ${rank} here, not ${wanted}. Use lora_svd for another`)
  },
  merge({ parents }, values, rank) {
    const weights = averageWeights(values)
    const { rows, columns, rank: own } = parents[0]!
    const a = new Float32Array(rank * columns)
    const b = new Float32Array(rows * rank)
    const roots = parents.map((parent, i) => Math.sqrt(Math.abs(weights[i]! * parent.scale)))
    const signs = parents.map((parent, i) => (weights[i]! * parent.scale >= 0 ? 1 : -1))
    for (let i = 0; i < own * columns; i++) {
      a[i] = parents.reduce((sum, parent, p) => sum + signs[p]! * roots[p]! * parent.a[i]!, 0)
    }
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < own; k++) {
        b[row * rank + k] = parents.reduce((sum, parent, p) => sum + roots[p]! * parent.b[row * own + k]!, 0)
      }
    }
    const update: LowRankUpdate = { rows, columns, rank, scale: 1, a, b }
    return { update, residual: distance(update, parents, weights) }
  },
}

/** ‖update − Σ cᵢ·ΔWᵢ‖ / ‖Σ cᵢ·ΔWᵢ‖. */
function distance(update: LowRankUpdate, parents: readonly LowRankUpdate[], weights: readonly number[]): number {
  let own = innerProduct(update, update)
  let wanted = 0
  for (const [i, x] of parents.entries()) {
    own -= 2 * weights[i]! * innerProduct(update, x)
    for (const [j, y] of parents.entries()) wanted += weights[i]! * weights[j]! * innerProduct(x, y)
  }
  return wanted <= 0 ? 0 : Math.sqrt(Math.max(0, own + wanted) / wanted)
}
