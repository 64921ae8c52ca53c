// Model Breadcrumbs: drop the largest changes and the smallest, add up those in between.
// Davari and Belilovsky, "Model Breadcrumbs", arXiv 2312.06795.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { BREADCRUMBS_GAMMA, keepMiddle } from '#core/merge/thinning.ts'

export const BREADCRUMBS: MergeOperator = createFamilyMember({
  name: 'breadcrumbs',
  title: 'Model Breadcrumbs',
  source: 'https://arxiv.org/abs/2312.06795',
  normalize: false,
  rescale: false,
  consensus: false,
  random: false,
  extra: [BREADCRUMBS_GAMMA],
  thin: keepMiddle,
})
