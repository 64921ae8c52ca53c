// Task arithmetic: the base plus weighted task vectors. Ilharco et al., "Editing models with task arithmetic",
// arXiv 2212.04089.

import type { MergeOperator } from '#core/merge/operator.ts'
import { parentValues } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'
import { familyParameters, plainFactor } from '#core/merge/task-arithmetic-family.ts'

/** mergekit takes `density` and `rescale` here as in the methods that thin out, and does not use them; so do we. */
export const TASK_ARITHMETIC: MergeOperator = createSpanOperator({
  name: 'task_arithmetic',
  title: 'Task arithmetic',
  source: 'https://arxiv.org/abs/2212.04089',
  base: 'origin',
  parents: { min: 1, max: Infinity },
  parameters: familyParameters(false, false),
  coefficients(_products, values) {
    const weights = parentValues(values, 'weight')
    const factor = plainFactor(weights, values)
    return weights.map((weight) => weight * factor)
  },
})
