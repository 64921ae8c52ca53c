// RAM+ (tensor-local): as RAM, and what one parent alone changed is scaled up the more of its changes it shares with
// others, up to a bound. "Reinforced Agent Merging", arXiv 2601.13572; per tensor as mergekit has it.

import type { MergeOperator } from '#core/merge/operator.ts'
import { mergeByContributors, RAM_EPSILON } from '#core/merge/contributors.ts'
import { sharedValue } from '#core/merge/parameters.ts'

export const RAMPLUS_TL: MergeOperator = {
  name: 'ramplus_tl',
  title: 'Reinforced Agent Merging Plus (tensor-local)',
  source: 'https://arxiv.org/abs/2601.13572',
  base: 'origin',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: [
    { name: 'r', type: 'number', scope: 'shared', default: 0.1, min: 0, meaning: 'gain per ratio of shared to own' },
    { name: 'alpha', type: 'number', scope: 'shared', default: 0.2, min: 0, meaning: 'bound of that ratio' },
    RAM_EPSILON,
  ],
  merge(group, values) {
    const epsilon = sharedValue(values, 'epsilon')
    const r = sharedValue(values, 'r')
    const alpha = sharedValue(values, 'alpha')
    return mergeByContributors(
      group,
      epsilon,
      (shared, own) => 1 + r * Math.min(alpha, shared / Math.max(own, epsilon || Number.MIN_VALUE)),
    )
  },
}
