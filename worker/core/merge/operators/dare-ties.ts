// DARE with TIES' sign consensus: drop changes at random, scale up the rest, add up those that agree in sign.
// Yu et al., "Language models are super mario", arXiv 2311.03099.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { keepAtRandom } from '#core/merge/thinning.ts'

export const DARE_TIES: MergeOperator = createFamilyMember({
  name: 'dare_ties',
  title: 'DARE with TIES consensus',
  source: 'https://arxiv.org/abs/2311.03099',
  normalize: false,
  rescale: true,
  consensus: true,
  random: true,
  thin: keepAtRandom,
})
