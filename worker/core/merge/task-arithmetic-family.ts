// What mergekit's "generalized task arithmetic" methods share: thin out each task vector, weigh it, agree on a sign
// or not, add up. The methods differ in how they thin out, in the consensus and in their defaults.

import type { MergeGroup, MergeOperator, MergeValues, ParameterSpec } from '#core/merge/operator.ts'
import { parentValues, sharedValue } from '#core/merge/parameters.ts'
import { absoluteSum, taskVectors } from '#core/merge/tensor-arithmetic.ts'

export interface ThinningContext {
  readonly group: MergeGroup
  readonly values: MergeValues
  /** Index of the parent whose task vector it is. */
  readonly parent: number
  readonly density: number
  readonly seed: number
}

/** Sets to zero, in place, what the method drops of a task vector. Not called for a density of 1. */
export type Thin = (delta: Float32Array, context: ThinningContext) => void

interface FamilyMember {
  readonly name: string
  readonly title: string
  readonly source: string
  readonly normalize: boolean
  readonly rescale: boolean
  readonly consensus: boolean
  readonly random: boolean
  readonly extra?: readonly ParameterSpec[]
  readonly thin: Thin
  readonly check?: (values: MergeValues) => void
}

/** Norms below it are not rescaled to or from. */
const TINY_NORM = 1e-7
const TINY_WEIGHT = 1e-8

export function familyParameters(normalize: boolean, rescale: boolean): readonly ParameterSpec[] {
  return [
    { name: 'weight', type: 'number', scope: 'parent', default: 1, meaning: 'factor of the parent’s task vector' },
    {
      name: 'density',
      type: 'number',
      scope: 'parent',
      default: 1,
      min: 0,
      max: 1,
      meaning: 'share of the task vector’s elements that is kept',
    },
    {
      name: 'normalize',
      type: 'boolean',
      scope: 'shared',
      default: normalize,
      meaning: 'divide by the sum of weights',
    },
    {
      name: 'rescale',
      type: 'boolean',
      scope: 'shared',
      default: rescale,
      meaning: 'after dropping elements, scale the rest up to the sum of magnitudes before',
    },
    { name: 'lambda', type: 'number', scope: 'shared', default: 1, meaning: 'factor of the merged task vector' },
    {
      name: 'int8_mask',
      type: 'boolean',
      scope: 'shared',
      default: false,
      meaning: 'how mergekit stores a mask between steps; no effect here, nor on its result',
    },
  ]
}

export function createFamilyMember(member: FamilyMember): MergeOperator {
  const { name, title, source, normalize, rescale, consensus, random, extra = [], thin, check } = member
  return {
    name,
    title,
    source,
    base: 'origin',
    random,
    parents: { min: 1, max: Infinity },
    parameters: [...familyParameters(normalize, rescale), ...extra],
    ...(check === undefined ? {} : { check }),
    merge(group, values, seed) {
      const density = parentValues(values, 'density')
      const deltas = taskVectors(group).map((vector, parent) => {
        const share = density[parent]!
        if (share >= 1) return vector
        // Without a base the vectors are the parents themselves, which are not ours to change.
        const delta = group.base === null ? vector.slice() : vector
        const before = absoluteSum(delta)
        thin(delta, { group, values, parent, density: share, seed })
        if (sharedValue(values, 'rescale') !== 0) restoreSum(delta, before)
        return delta
      })
      return consensus ? addAgreeing(group, deltas, values) : addAll(group, deltas, values)
    },
  }
}

/** Scales so that Σ|x| is what it was. DARE's paper divides by the density instead, which is this in expectation. */
function restoreSum(delta: Float32Array, before: number): void {
  const after = absoluteSum(delta)
  if (before < TINY_NORM || after < TINY_NORM) return
  const factor = before / after
  for (let i = 0; i < delta.length; i++) delta[i]! *= factor
}

function addAll(group: MergeGroup, deltas: readonly Float32Array[], values: MergeValues): Float32Array {
  const weights = parentValues(values, 'weight')
  const factor = plainFactor(weights, values)
  const out = new Float32Array(deltas[0]!.length)
  for (let i = 0; i < out.length; i++) {
    let sum = 0
    for (let k = 0; k < deltas.length; k++) sum += weights[k]! * deltas[k]![i]!
    out[i] = (group.base === null ? 0 : group.base[i]!) + factor * sum
  }
  return out
}

/** λ, over the sum of weights where it is wanted and not zero. */
export function plainFactor(weights: readonly number[], values: MergeValues): number {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const divisor = sharedValue(values, 'normalize') !== 0 && Math.abs(sum) >= TINY_WEIGHT ? sum : 1
  return sharedValue(values, 'lambda') / divisor
}

/** TIES: of each element only those updates count whose sign is that of the weighted sum; a sum of zero counts as plus. */
function addAgreeing(group: MergeGroup, deltas: readonly Float32Array[], values: MergeValues): Float32Array {
  const weights = parentValues(values, 'weight').map(Math.fround)
  const normalize = sharedValue(values, 'normalize') !== 0
  const lambda = sharedValue(values, 'lambda')
  const weighted = new Float32Array(deltas.length)
  const out = new Float32Array(deltas[0]!.length)
  for (let i = 0; i < out.length; i++) {
    let total = 0
    for (let k = 0; k < deltas.length; k++) {
      weighted[k] = weights[k]! * deltas[k]![i]!
      total += weighted[k]!
    }
    const sign = total >= 0 ? 1 : -1
    let sum = 0
    let divisor = 0
    for (let k = 0; k < deltas.length; k++) {
      if (weighted[k]! * sign <= 0) continue
      sum += weighted[k]!
      divisor += weights[k]!
    }
    if (normalize && divisor !== 0) sum /= divisor
    out[i] = (group.base === null ? 0 : group.base[i]!) + lambda * sum
  }
  return out
}
