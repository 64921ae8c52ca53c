// DELLA: drop changes at random, small ones more readily than large ones within a row, then TIES' sign consensus.
// Deep et al., "DELLA-Merging", arXiv 2406.11617.

import type { MergeOperator } from '#core/merge/operator.ts'
import { createFamilyMember } from '#core/merge/task-arithmetic-family.ts'
import { DELLA_EPSILON, checkDellaEpsilon, keepLargeMoreReadily } from '#core/merge/thinning.ts'

export const DELLA: MergeOperator = createFamilyMember({
  name: 'della',
  title: 'DELLA',
  source: 'https://arxiv.org/abs/2406.11617',
  normalize: true,
  rescale: true,
  consensus: true,
  random: true,
  extra: [DELLA_EPSILON],
  check: (values) => checkDellaEpsilon('della', values),
  thin: keepLargeMoreReadily,
})
