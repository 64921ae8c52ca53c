// DARE, linear: drop changes at random, scale up the rest, add up.
// Yu et al., "Language models are super mario", arXiv 2311.03099.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { keepAtRandom } from '#core/merge/thinning.ts'

export const DARE_LINEAR: MergeOperator = createFamilyMember({
  name: 'dare_linear',
  title: 'DARE, linear',
  source: 'https://arxiv.org/abs/2311.03099',
  normalize: false,
  rescale: true,
  consensus: false,
  random: true,
  thin: keepAtRandom,
})
