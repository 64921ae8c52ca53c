// Merges whole tensors: checks that the inputs fit one another, then reads, merges and writes tensor by tensor.

import { equalBytes } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { TensorPlan } from '#core/formats/safetensors-writer.ts'
import { checkParentCount, checkSameNames, mismatch, type MergePlan } from '#core/merge/merge-plan.ts'
import type { MergeGroup, MergeOperator, OperatorHead } from '#core/merge/operator.ts'
import { bindParameters, refuse, type GivenParameters } from '#core/merge/parameters.ts'
import {
  encodeFloats,
  isFloat,
  readBytes,
  readFloats,
  type StoredTensor,
  type TensorSet,
} from '#core/merge/tensor-set.ts'

/** Throws `BAD_ARGUMENT` or `MODEL_MISMATCH` by name for what does not fit. */
export async function planTensorMerge(
  operator: MergeOperator,
  base: TensorSet | null,
  parents: readonly TensorSet[],
  given: GivenParameters,
  seed: number,
  signal?: AbortSignal,
): Promise<MergePlan> {
  if (operator.base === 'origin' && base === null)
    throw refuse(operator, 'needs a base model, which its parents come from')
  const { base: origin, others } = assignBase(operator, base, parents)
  const values = bindParameters(operator, given, others.length)
  const inputs = origin === null ? others : [origin, ...others]
  const first = parents[0] ?? inputs[0]!
  for (const input of inputs) if (input !== first) checkFit(first, input)
  for (const tensor of first.tensors.values()) {
    if (!isFloat(tensor)) await checkCopied(inputs, tensor, signal)
  }
  return {
    kind: 'tensors',
    operator,
    values,
    random: operator.random,
    rank: null,
    outputs: [...first.tensors.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    config: null,
    async run(order, write, onPart, stop) {
      const read = ({ name, dtype }: TensorPlan) => readGroup(name, dtype, origin, others, first, stop)
      let ahead: ReturnType<typeof read> | undefined
      for (const [index, { name, dtype, shape }] of order.entries()) {
        stop?.throwIfAborted()
        const inputs = await (ahead ?? read(order[index]!))
        const next = order[index + 1]
        // The next tensor is read while this one is merged. Its failure is told when its turn comes.
        ahead = next && read(next)
        ahead?.catch(() => undefined)
        const bytes =
          'copied' in inputs
            ? inputs.copied
            : encodeFloats(operator.merge({ name, shape, ...inputs }, values, seed), dtype)
        await write(name, bytes)
        onPart({ name, residual: null })
      }
    },
  }
}

/** One tensor of all inputs, or its bytes where it is no float. */
async function readGroup(
  name: string,
  dtype: string,
  base: TensorSet | null,
  parents: readonly TensorSet[],
  first: TensorSet,
  stop?: AbortSignal,
): Promise<{ readonly copied: Uint8Array } | Pick<MergeGroup, 'base' | 'parents'>> {
  const stored = (input: TensorSet): StoredTensor => input.tensors.get(name)!
  if (!isFloat({ dtype })) return { copied: await readBytes(stored(first), stop) }
  const inputs = base === null ? parents : [base, ...parents]
  const all = await Promise.all(inputs.map((input) => readFloats(stored(input), stop)))
  return base === null ? { base, parents: all } : { base: all[0]!, parents: all.slice(1) }
}

/** The base as the operator wants it, and the parents besides it. Throws `BAD_ARGUMENT`. */
export function assignBase<T>(
  operator: OperatorHead & Pick<MergeOperator, 'base'>,
  base: T | null,
  parents: readonly T[],
): { readonly base: T | null; readonly others: readonly T[] } {
  if (operator.base === 'none' && base !== null) {
    throw refuse(operator, 'takes no base; leave it out, or give it as one of the parents')
  }
  if (operator.base === 'endpoint' && base === null) {
    checkParentCount(operator, parents.length - 1, ' besides the first, which is its base')
    return { base: parents[0] ?? null, others: parents.slice(1) }
  }
  checkParentCount(operator, parents.length, base === null ? '' : ' besides the base')
  return { base, others: parents }
}

function checkFit(first: TensorSet, other: TensorSet): void {
  checkSameNames(
    'tensor',
    { name: first.name, names: first.tensors.keys() },
    { name: other.name, names: other.tensors.keys() },
  )
  for (const tensor of first.tensors.values()) {
    const { shape, dtype } = other.tensors.get(tensor.name)!
    if (shape.join() !== tensor.shape.join()) {
      throw mismatch(
        `"${tensor.name}" is [${tensor.shape.join(', ')}] in ${first.name} and [${shape.join(', ')}] in ${other.name}`,
      )
    }
    if (isFloat(tensor) !== isFloat({ dtype })) {
      throw mismatch(`"${tensor.name}" is ${tensor.dtype} in ${first.name} and ${dtype} in ${other.name}`)
    }
  }
}

/** What is no F32, F16 or BF16 is copied, if all inputs agree on it. */
async function checkCopied(inputs: readonly TensorSet[], tensor: StoredTensor, signal?: AbortSignal): Promise<void> {
  if (tensor.dtype.startsWith('F')) {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `"${tensor.name}" is stored as ${tensor.dtype}. Only F32, F16 and BF16 can be merged; convert the models first.`,
    )
  }
  const bytes = await readBytes(tensor, signal)
  for (const input of inputs) {
    const other = input.tensors.get(tensor.name)!
    if (other.dtype !== tensor.dtype || !equalBytes(bytes, await readBytes(other, signal))) {
      throw mismatch(`"${tensor.name}" (${tensor.dtype}) cannot be merged and differs in ${input.name}`)
    }
  }
}
