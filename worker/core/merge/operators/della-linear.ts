// DELLA, linear: drop changes at random, small ones more readily than large ones within a row, and add up.
// Deep et al., "DELLA-Merging", arXiv 2406.11617.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { DELLA_EPSILON, checkDellaEpsilon, keepLargeMoreReadily } from '#core/merge/thinning.ts'

export const DELLA_LINEAR: MergeOperator = createFamilyMember({
  name: 'della_linear',
  title: 'DELLA, linear',
  source: 'https://arxiv.org/abs/2406.11617',
  normalize: false,
  rescale: true,
  consensus: false,
  random: true,
  extra: [DELLA_EPSILON],
  check: (values) => checkDellaEpsilon('della_linear', values),
  thin: keepLargeMoreReadily,
})
