// TIES: keep the largest changes, agree on a sign for each element, average those that agree.
// Yadav et al., "TIES-Merging", arXiv 2306.01708.

import { keepLargest } from '#core/merge/thinning.ts'
import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'

export const TIES: MergeOperator = createFamilyMember({
  name: 'ties',
  title: 'TIES',
  source: 'https://arxiv.org/abs/2306.01708',
  normalize: true,
  rescale: false,
  consensus: true,
  random: false,
  thin: keepLargest,
})
