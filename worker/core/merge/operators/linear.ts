// Linear: the weighted average of the parents. Wortsman et al., "Model soups", arXiv 2203.05482.

import type { MergeOperator } from '#core/merge/operator.ts'
import { parentValues, refuse, sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'

export const LINEAR: MergeOperator = createSpanOperator({
  name: 'linear',
  title: 'Linear (model soup)',
  source: 'https://arxiv.org/abs/2203.05482',
  base: 'none',
  parents: { min: 1, max: Infinity },
  parameters: [
    { name: 'weight', type: 'number', scope: 'parent', default: 1, meaning: 'share of the parent' },
    { name: 'normalize', type: 'boolean', scope: 'shared', default: true, meaning: 'divide by the sum of weights' },
  ],
  check(values) {
    if (sharedValue(values, 'normalize') !== 0 && sumOf(parentValues(values, 'weight')) === 0) {
      throw refuse(LINEAR, 'cannot divide by weights that add up to 0; change one, or set normalize=false')
    }
  },
  coefficients(_products, values) {
    const weights = parentValues(values, 'weight')
    const divisor = sharedValue(values, 'normalize') === 0 ? 1 : sumOf(weights)
    return weights.map((weight) => weight / divisor)
  },
})

const sumOf = (weights: readonly number[]): number => weights.reduce((sum, weight) => sum + weight, 0)
