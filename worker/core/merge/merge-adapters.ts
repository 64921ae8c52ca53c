// Merges LoRA adapters module by module, after checking that they fit one another and their base model.

import { CentramError } from '#core/errors.ts'
import { baseModelOf, readUpdate, type AdapterModule, type AdapterSet } from '#core/merge/adapter-set.ts'
import type { AdapterOperator } from '#core/merge/adapter-operator.ts'
import { checkSameNames, mismatch, type MergePlan } from '#core/merge/merge-plan.ts'
import { assignBase } from '#core/merge/merge-tensors.ts'
import { bindParameters, type GivenParameters } from '#core/merge/parameters.ts'
import { encodeFloats, type TensorSet } from '#core/merge/tensor-set.ts'

const MAX_RANK = 65_536

export interface AdapterMergeOptions {
  readonly given: GivenParameters
  readonly seed: number
  /** Wanted of the result. */
  readonly rank?: number | undefined
  /** The base model that the adapters must fit. */
  readonly model?: TensorSet | undefined
}

/** Throws `BAD_ARGUMENT` or `MODEL_MISMATCH` by name for what does not fit. */
export function planAdapterMerge(
  operator: AdapterOperator,
  base: AdapterSet | null,
  parents: readonly AdapterSet[],
  { given, seed, rank: wanted, model }: AdapterMergeOptions,
): MergePlan {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_RANK)) {
    throw new CentramError('BAD_ARGUMENT', `A rank is a whole number from 1 to ${MAX_RANK}, not ${wanted}.`)
  }
  const { base: origin, others } = assignBase(operator, base, parents)
  const values = bindParameters(operator, given, others.length)
  const inputs = origin === null ? others : [origin, ...others]
  const first = parents[0] ?? inputs[0]!
  for (const input of inputs) if (input !== first) checkFit(first, input)
  if (model !== undefined) checkModel(first, model)
  const names = [...first.modules.keys()]
  const ranks = names.map((name) => inputs.map((input) => input.modules.get(name)!.rank))
  const rank = operator.rankOf(ranks, wanted, values)
  const modules = new Map(
    [...first.modules.values()].flatMap((module) => [
      [module.a.name, module],
      [module.b.name, module],
    ]),
  )
  return {
    kind: 'adapters',
    operator,
    values,
    random: operator.random,
    rank,
    outputs: [...first.modules.values()].flatMap(({ a, b, rows, columns }) => [
      { name: a.name, dtype: a.dtype, shape: [rank, columns] },
      { name: b.name, dtype: a.dtype, shape: [rows, rank] },
    ]),
    config: {
      ...first.config,
      base_model_name_or_path: inputs.map(baseModelOf).find((name) => name !== null) ?? null,
      r: rank,
      // A scale of 1: weights and scales are in the matrices.
      lora_alpha: rank,
      use_rslora: false,
      rank_pattern: {},
      alpha_pattern: {},
      inference_mode: true,
    },
    async run(order, write, onPart, signal) {
      for (let at = 0; at < order.length; at += 2) {
        signal?.throwIfAborted()
        const { name } = modules.get(order[at]!.name) as AdapterModule
        const read = (input: AdapterSet) => readUpdate(input.modules.get(name)!, signal)
        const group = { name, base: origin && (await read(origin)), parents: await Promise.all(others.map(read)) }
        const { update, residual } = operator.merge(group, values, rank, seed)
        for (const output of order.slice(at, at + 2)) {
          const matrix = output.name === modules.get(output.name)?.a.name ? update.a : update.b
          await write(output.name, encodeFloats(matrix, output.dtype))
        }
        onPart({ name, residual })
      }
    },
  }
}

function checkFit(first: AdapterSet, other: AdapterSet): void {
  const [ours, theirs] = [baseModelOf(first), baseModelOf(other)]
  if (ours !== null && theirs !== null && !sameModel(ours, theirs)) {
    throw mismatch(
      `${first.name} was trained on ${JSON.stringify(ours)} and ${other.name} on ${JSON.stringify(theirs)}`,
    )
  }
  if ((first.config['fan_in_fan_out'] ?? false) !== (other.config['fan_in_fan_out'] ?? false)) {
    throw mismatch(`fan_in_fan_out is set in only one of ${first.name} and ${other.name}`)
  }
  checkSameNames(
    'target module',
    { name: first.name, names: first.modules.keys() },
    { name: other.name, names: other.modules.keys() },
  )
  for (const { name, rows, columns } of first.modules.values()) {
    const module = other.modules.get(name)!
    if (module.rows !== rows || module.columns !== columns) {
      throw mismatch(
        `"${name}" changes a ${rows} × ${columns} matrix in ${first.name} and one of ${module.rows} × ` +
          `${module.columns} in ${other.name}`,
      )
    }
  }
}

/** A folder's name counts where one of them is a path on someone's disk. */
function sameModel(a: string, b: string): boolean {
  if (a === b) return true
  const isPath = (name: string): boolean => /^([./~]|[A-Za-z]:)|\\/.test(name)
  const last = (name: string): string | undefined => name.split(/[\\/]/).filter(Boolean).at(-1)?.toLowerCase()
  return (isPath(a) || isPath(b)) && last(a) === last(b)
}

/** Every module is a matrix of the model, of the shape that the adapter changes. */
function checkModel(adapter: AdapterSet, model: TensorSet): void {
  const transposed = adapter.config['fan_in_fan_out'] === true
  for (const { name, rows, columns, a } of adapter.modules.values()) {
    const weight = findWeight(model, name)
    if (weight === undefined) throw mismatch(`${adapter.name} changes "${name}", which ${model.name} does not have`)
    // PEFT keeps the factors of an embedding [vocabulary, width] the other way round.
    const flipped = transposed || a.name.includes('lora_embedding_')
    const expected = flipped ? [columns, rows] : [rows, columns]
    if (weight.shape.join() !== expected.join()) {
      throw mismatch(
        `"${name}" is [${weight.shape.join(', ')}] in ${model.name}, but ${adapter.name} changes [${expected.join(', ')}]`,
      )
    }
  }
}

/** Files of a model without its head lack the first part of the names. */
function findWeight(model: TensorSet, module: string) {
  const name = `${module}.weight`
  const short = name.slice(name.indexOf('.') + 1)
  return model.tensors.get(name) ?? model.tensors.get(short)
}
