// A merge that has been checked and not begun: what will be written, and the work that writes it.

import { CentramError } from '#core/errors.ts'
import type { JsonObject } from '#core/formats/json-file.ts'
import type { TensorPlan } from '#core/formats/safetensors-writer.ts'
import type { MergeValues, OperatorHead } from '#core/merge/operator.ts'

/** How well the tensor or module that was written keeps what the operator asked for. */
export interface MergedPart {
  readonly name: string
  /** Relative Frobenius distance of a module's update to the one asked for; `null` where nothing was approximated. */
  readonly residual: number | null
}

export interface MergePlan {
  readonly kind: 'tensors' | 'adapters'
  readonly operator: OperatorHead
  readonly values: MergeValues
  /** Draws from the seed. */
  readonly random: boolean
  /** Of a merged adapter. */
  readonly rank: number | null
  /** What every tensor of the result is called, its type and shape. */
  readonly outputs: readonly TensorPlan[]
  /** The merged adapter's adapter_config.json. */
  readonly config: JsonObject | null
  /**
   * Computes and hands over tensor after tensor, in the given order, which must keep a module's A and B together.
   * @param onPart called after each tensor or module.
   */
  run(
    order: readonly TensorPlan[],
    write: (name: string, bytes: Uint8Array) => Promise<void>,
    onPart: (part: MergedPart) => void,
    signal?: AbortSignal,
  ): Promise<void>
}

/** Throws `BAD_ARGUMENT` unless the operator takes so many parents. */
export function checkParentCount(operator: OperatorHead, count: number, what: string): void {
  const { min, max } = operator.parents
  if (count >= min && count <= max) return
  const wanted = min === max ? `${min}` : max === Infinity ? `at least ${min}` : `${min} to ${max}`
  throw new CentramError(
    'BAD_ARGUMENT',
    `The merge operator ${operator.name} takes ${wanted} ${wanted === '1' ? 'parent' : 'parents'}${what}, but ${count} were given.`,
  )
}

export function mismatch(problem: string): CentramError {
  return new CentramError('MODEL_MISMATCH', `These cannot be merged: ${problem}.`)
}

/** Throws `MODEL_MISMATCH` naming the first that one has and the other lacks. */
export function checkSameNames(
  what: string,
  reference: { readonly name: string; readonly names: Iterable<string> },
  other: { readonly name: string; readonly names: Iterable<string> },
): void {
  const expected = new Set(reference.names)
  const found = new Set(other.names)
  const missing = [...expected].filter((name) => !found.has(name))
  const extra = [...found].filter((name) => !expected.has(name))
  const [first] = missing
  const [second] = extra
  if (first !== undefined) {
    throw mismatch(`${other.name} lacks the ${what} "${first}"${andMore(missing.length)} that ${reference.name} has`)
  }
  if (second !== undefined) {
    throw mismatch(`${reference.name} lacks the ${what} "${second}"${andMore(extra.length)} that ${other.name} has`)
  }
}

const andMore = (count: number): string => (count > 1 ? ` (and ${count - 1} more)` : '')
