// The weights of the operators that average adapters.

import type { MergeValues, ParameterSpec } from '#core/merge/operator.ts'
import { parentValues, refuse, sharedValue } from '#core/merge/parameters.ts'

export const averageParameters: readonly ParameterSpec[] = [
  { name: 'weight', type: 'number', scope: 'parent', default: 1, meaning: 'share of the adapter' },
  {
    name: 'normalize',
    type: 'boolean',
    scope: 'shared',
    default: true,
    meaning: 'divide by the sum of weights; false gives the sum that PEFT makes',
  },
]

export function checkAverage(operator: { readonly name: string }, values: MergeValues): void {
  if (sharedValue(values, 'normalize') === 0 || sum(parentValues(values, 'weight')) !== 0) return
  throw refuse(operator, 'cannot divide by weights that add up to 0; change one, or set normalize=false')
}

export function averageWeights(values: MergeValues): readonly number[] {
  const weights = parentValues(values, 'weight')
  const divisor = sharedValue(values, 'normalize') === 0 ? 1 : sum(weights)
  return weights.map((weight) => weight / divisor)
}

const sum = (weights: readonly number[]): number => weights.reduce((total, weight) => total + weight, 0)
