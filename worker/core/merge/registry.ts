// The merge operators by name. An operator is here when its golden and property tests pass.

import { CentramError } from '#core/errors.ts'
import { liftOperator, type AdapterOperator } from '#core/merge/adapter-operator.ts'
import type { MergeOperator, OperatorHead } from '#core/merge/operator.ts'
import { ARCEE_FUSION } from '#core/merge/operators/arcee-fusion.ts'
import { BREADCRUMBS_TIES } from '#core/merge/operators/breadcrumbs-ties.ts'
import { BREADCRUMBS } from '#core/merge/operators/breadcrumbs.ts'
import { DARE_LINEAR } from '#core/merge/operators/dare-linear.ts'
import { DARE_TIES } from '#core/merge/operators/dare-ties.ts'
import { DELLA_LINEAR } from '#core/merge/operators/della-linear.ts'
import { DELLA } from '#core/merge/operators/della.ts'
import { KARCHER } from '#core/merge/operators/karcher.ts'
import { LINEAR } from '#core/merge/operators/linear.ts'
import { LORA_LINEAR } from '#core/merge/operators/lora-linear.ts'
import { LORA_STACK } from '#core/merge/operators/lora-stack.ts'
import { LORA_SVD } from '#core/merge/operators/lora-svd.ts'
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

/** What only adapters have. */
export const ADAPTER_OPERATORS: readonly AdapterOperator[] = [LORA_STACK, LORA_SVD, LORA_LINEAR]

/** An operator over whole tensors. Throws `BAD_ARGUMENT` with the names there are. */
export function findOperator(name: string): MergeOperator {
  const operator = MERGE_OPERATORS.find((candidate) => candidate.name === name)
  if (operator !== undefined) return operator
  if (ADAPTER_OPERATORS.some((candidate) => candidate.name === name)) {
    throw new CentramError('BAD_ARGUMENT', `The merge operator ${name} is for LoRA adapters; these are whole models.`)
  }
  throw unknown(name, MERGE_OPERATORS)
}

/** An operator over adapters: those above work on ΔW. Throws `BAD_ARGUMENT` with the names there are. */
export function findAdapterOperator(name: string): AdapterOperator {
  const own = ADAPTER_OPERATORS.find((candidate) => candidate.name === name)
  if (own !== undefined) return own
  const operator = MERGE_OPERATORS.find((candidate) => candidate.name === name)
  if (operator !== undefined) return liftOperator(operator)
  throw unknown(name, [...ADAPTER_OPERATORS, ...MERGE_OPERATORS])
}

function unknown(name: string, operators: readonly OperatorHead[]): CentramError {
  const names = operators.map((candidate) => candidate.name).join(', ')
  return new CentramError('BAD_ARGUMENT', `There is no merge operator "${name.slice(0, 64)}". There are: ${names}.`)
}
