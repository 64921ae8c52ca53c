// The merge operators by name. An operator is here when its golden and property tests pass.

import { CentramError } from '#core/errors.ts'
import type { MergeOperator } from '#core/merge/operator.ts'
import { ARCEE_FUSION } from '#core/merge/operators/arcee-fusion.ts'
import { BREADCRUMBS_TIES } from '#core/merge/operators/breadcrumbs-ties.ts'
import { BREADCRUMBS } from '#core/merge/operators/breadcrumbs.ts'
import { DARE_LINEAR } from '#core/merge/operators/dare-linear.ts'
import { DARE_TIES } from '#core/merge/operators/dare-ties.ts'
import { DELLA_LINEAR } from '#core/merge/operators/della-linear.ts'
import { DELLA } from '#core/merge/operators/della.ts'
import { KARCHER } from '#core/merge/operators/karcher.ts'
import { LINEAR } from '#core/merge/operators/linear.ts'
import { MODEL_STOCK } from '#core/merge/operators/model-stock.ts'
import { MULTISLERP } from '#core/merge/operators/multislerp.ts'
import { NEARSWAP } from '#core/merge/operators/nearswap.ts'
import { NUSLERP } from '#core/merge/operators/nuslerp.ts'
import { PASSTHROUGH } from '#core/merge/operators/passthrough.ts'
import { RAM } from '#core/merge/operators/ram.ts'
import { RAMPLUS_TL } from '#core/merge/operators/ramplus-tl.ts'
import { SCE } from '#core/merge/operators/sce.ts'
import { SLERP } from '#core/merge/operators/slerp.ts'
import { TASK_ARITHMETIC } from '#core/merge/operators/task-arithmetic.ts'
import { TIES } from '#core/merge/operators/ties.ts'

export const MERGE_OPERATORS: readonly MergeOperator[] = [
  LINEAR,
  TASK_ARITHMETIC,
  SLERP,
  NUSLERP,
  MULTISLERP,
  KARCHER,
  TIES,
  DARE_LINEAR,
  DARE_TIES,
  DELLA,
  DELLA_LINEAR,
  BREADCRUMBS,
  BREADCRUMBS_TIES,
  SCE,
  MODEL_STOCK,
  NEARSWAP,
  ARCEE_FUSION,
  RAM,
  RAMPLUS_TL,
  PASSTHROUGH,
]

/** Throws `BAD_ARGUMENT` with the names there are. */
export function findOperator(name: string): MergeOperator {
  const operator = MERGE_OPERATORS.find((candidate) => candidate.name === name)
  if (operator !== undefined) return operator
  const names = MERGE_OPERATORS.map((candidate) => candidate.name).join(', ')
  throw new CentramError('BAD_ARGUMENT', `There is no merge operator "${name.slice(0, 64)}". There are: ${names}.`)
}
