// What the merge form holds, which genomes go together, and the request it becomes.

import { findAdapterOperator } from '#core/merge/registry.ts'
import type { AdapterOperator } from '#core/merge/adapter-operator.ts'
import type { ParameterSpec } from '#core/merge/operator.ts'
import type { GivenParameters } from '#core/merge/parameters.ts'
import type { GenomeState, MergeRequest } from '../../../worker/node/lab-api.ts'
import { DEFAULT_LICENCE } from './training-values.ts'
import { exchangeWords } from './words/lab-words.ts'

export interface MergeValues {
  readonly operator: string
  /** Ids, in the order they were chosen. */
  readonly chosen: readonly string[]
  /** Id of a genome, or empty: no update at all. */
  readonly base: string
  /** By parameter; what is not here has its default. */
  readonly shared: Readonly<Record<string, number | boolean>>
  /** By parameter, then by genome. */
  readonly byParent: Readonly<Record<string, Readonly<Record<string, number | boolean>>>>
  /** NaN leaves it to the operator. */
  readonly rank: number
  readonly seed: number
  /** As typed; empty follows the parents. */
  readonly name: string
  readonly licence: string
  /** Genomes of others may weigh more than the gate's rules allow. */
  readonly uncapped: boolean
}

export const FIRST_VALUES: MergeValues = {
  operator: 'lora_svd',
  chosen: [],
  base: '',
  shared: {},
  byParent: {},
  rank: Number.NaN,
  seed: 0,
  name: '',
  licence: '',
  uncapped: false,
}

export interface MergeInputs {
  readonly operator: AdapterOperator
  readonly base: GenomeState | null
  readonly parents: readonly GenomeState[]
}

/** Those chosen, in the places the operator has for them. Where it goes from one end to the other, the first is its base. */
export function mergeInputs(values: MergeValues, genomes: readonly GenomeState[]): MergeInputs {
  const operator = findAdapterOperator(values.operator)
  const find = (id: string) => genomes.find((genome) => genome.id === id)
  const chosen = values.chosen.map(find).filter((genome) => genome !== undefined)
  if (operator.base === 'endpoint') return { operator, base: chosen[0] ?? null, parents: chosen.slice(1) }
  const base = operator.base === 'none' ? null : (find(values.base) ?? null)
  return { operator, base, parents: chosen.filter((genome) => genome !== base) }
}

/** How many may be chosen in all: one alone only where the operator takes no more. */
export function chosenBounds({ base, parents }: AdapterOperator): { readonly min: number; readonly max: number } {
  const ends = base === 'endpoint' ? 1 : 0
  const max = parents.max + ends
  return { min: Math.min(max, Math.max(2, parents.min + ends)), max }
}

/** Why this genome cannot be merged with those chosen; `null` where it can. */
export function reasonAgainst(genome: GenomeState, chosen: readonly GenomeState[]): string | null {
  const [first] = chosen
  if (!first || first === genome) return null
  if (genome.baseHash !== first.baseHash) return exchangeWords().merge.otherBase(genome.baseName)
  const same =
    genome.targets.length === first.targets.length && genome.targets.every((one) => first.targets.includes(one))
  return same ? null : exchangeWords().merge.otherLinears(first.name)
}

export function mergeName(values: MergeValues, inputs: MergeInputs): string {
  return (
    values.name.trim() ||
    allInputs(inputs)
      .map((genome) => genome.name)
      .join(' + ')
      .slice(0, 120)
  )
}

/** The parents' own, where they agree. */
export function mergeLicence(values: MergeValues, inputs: MergeInputs): string {
  if (values.licence) return values.licence
  const licences = new Set(allInputs(inputs).map((genome) => genome.licence))
  const [only] = licences
  return licences.size === 1 && only !== undefined ? only : DEFAULT_LICENCE
}

export function allInputs({ base, parents }: MergeInputs): readonly GenomeState[] {
  return base ? [base, ...parents] : parents
}

/** The value a parent has, its default included. NaN is an empty field. */
export function parentValue(values: MergeValues, spec: ParameterSpec, genomeId: string): number | boolean {
  return values.byParent[spec.name]?.[genomeId] ?? spec.default ?? Number.NaN
}

export function sharedValue(values: MergeValues, spec: ParameterSpec): number | boolean {
  return values.shared[spec.name] ?? spec.default ?? Number.NaN
}

export function mergeRequest(values: MergeValues, inputs: MergeInputs): MergeRequest {
  const { operator, base, parents } = inputs
  const parameters: Record<string, GivenParameters[string]> = {}
  for (const spec of operator.parameters) {
    const value =
      spec.scope === 'parent'
        ? parents.map((parent) => parentValue(values, spec, parent.id))
        : sharedValue(values, spec)
    // An empty field leaves the choice to the operator, which names what it needs.
    if (typeof value === 'object' || !Number.isNaN(value)) parameters[spec.name] = value
  }
  return {
    name: mergeName(values, inputs),
    operator: operator.name,
    parents: parents.map((parent) => parent.id),
    parameters,
    seed: values.seed,
    licence: mergeLicence(values, inputs),
    ...(base && { base: base.id }),
    ...(values.uncapped && { uncapped: true }),
    ...(!Number.isNaN(values.rank) && { rank: values.rank }),
  }
}

/** Parameters without a default that were not given yet. */
export function missingParameters(values: MergeValues, { operator, parents }: MergeInputs): readonly ParameterSpec[] {
  return operator.parameters.filter((spec) => {
    const given =
      spec.scope === 'shared' ? [sharedValue(values, spec)] : parents.map(({ id }) => parentValue(values, spec, id))
    return spec.default === null && given.some((value) => Number.isNaN(value))
  })
}
