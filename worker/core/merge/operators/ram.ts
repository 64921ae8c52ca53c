// RAM: changes that one parent alone made are taken whole, those that several made are averaged over them.
// "Reinforced Agent Merging", arXiv 2601.13572.

import type { MergeOperator } from '#core/merge/operator.ts'
import { mergeByContributors, RAM_EPSILON } from '#core/merge/contributors.ts'
import { sharedValue } from '#core/merge/parameters.ts'

export const RAM: MergeOperator = {
  name: 'ram',
  title: 'Reinforced Agent Merging',
  source: 'https://arxiv.org/abs/2601.13572',
  base: 'origin',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: [RAM_EPSILON],
  merge: (group, values) => mergeByContributors(group, sharedValue(values, 'epsilon'), () => 1),
}
