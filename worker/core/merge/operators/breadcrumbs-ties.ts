// Model Breadcrumbs with TIES' sign consensus: drop the largest changes and the smallest, add up those that agree.
// Davari and Belilovsky, "Model Breadcrumbs", arXiv 2312.06795; the combination is mergekit's.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { BREADCRUMBS_GAMMA, keepMiddle } from '#core/merge/thinning.ts'

export const BREADCRUMBS_TIES: MergeOperator = createFamilyMember({
  name: 'breadcrumbs_ties',
  title: 'Model Breadcrumbs with TIES consensus',
  source: 'https://arxiv.org/abs/2312.06795',
  normalize: false,
  rescale: false,
  consensus: true,
  random: false,
  extra: [BREADCRUMBS_GAMMA],
  thin: keepMiddle,
})
