// What mergekit's "generalized task arithmetic" methods share: thin out each task vector, weigh it, agree on a sign
// or not, add up. The methods differ in how they thin out, in the consensus and in their defaults.

import type { MergeGroup, MergeOperator, MergeValues, ParameterSpec } from '#core/merge/operator.ts'
import { parentValues, sharedValue } from '#core/merge/parameters.ts'
import { absoluteSum, addScaled, forStretches, STRETCH, taskVectors } from '#core/merge/tensor-arithmetic.ts'

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
  const { base } = group
  const out = new Float32Array(deltas[0]!.length)
  const sums = new Float64Array(STRETCH)
  forStretches(out.length, (first, count) => {
    sums.fill(0)
    for (let k = 0; k < deltas.length; k++) addScaled(sums, deltas[k]!, first, count, weights[k]!)
    for (let j = 0; j < count; j++) out[first + j] = (base === null ? 0 : base[first + j]!) + factor * sums[j]!
  })
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
  const { base } = group
  const out = new Float32Array(deltas[0]!.length)
  // Which sign an element takes cannot be foreseen, and a branch on it costs more than the sums: those that agree add up to
  // half of (the sum plus or minus the sum of magnitudes), and their weights likewise.
  const totals = new Float64Array(STRETCH)
  const magnitudes = new Float64Array(STRETCH)
  const signedWeights = new Float64Array(STRETCH)
  const allWeights = new Float64Array(STRETCH)
  const weighted = new Float32Array(STRETCH)
  const bits = new Int32Array(weighted.buffer)
  forStretches(out.length, (first, count) => {
    for (const sums of [totals, magnitudes, signedWeights, allWeights]) sums.fill(0)
    for (let k = 0; k < deltas.length; k++) {
      addWeighted(totals, magnitudes, weighted, deltas[k]!, first, count, weights[k]!)
      if (normalize) addWeights(signedWeights, allWeights, bits, count, weights[k]!)
    }
    for (let j = 0; j < count; j++) {
      const sign = totals[j]! >= 0 ? 1 : -1
      const sum = (totals[j]! + sign * magnitudes[j]!) / 2
      const divisor = (allWeights[j]! + sign * signedWeights[j]!) / 2
      const agreed = normalize && divisor !== 0 ? sum / divisor : sum
      out[first + j] = (base === null ? 0 : base[first + j]!) + lambda * agreed
    }
  })
  return out
}

/** `weighted = weight · delta`, and adds it and its magnitude to the sums. */
function addWeighted(
  totals: Float64Array,
  magnitudes: Float64Array,
  weighted: Float32Array,
  delta: Float32Array,
  first: number,
  count: number,
  weight: number,
): void {
  for (let j = 0; j < count; j++) {
    const value = Math.fround(weight * delta[first + j]!)
    weighted[j] = value
    totals[j]! += value
    magnitudes[j]! += Math.abs(value)
  }
}

/** Adds the weight where the value that these are the bits of is not zero, and with its sign. */
function addWeights(signed: Float64Array, all: Float64Array, bits: Int32Array, count: number, weight: number): void {
  for (let j = 0; j < count; j++) {
    const nonZero = -(bits[j]! & 0x7fffffff) >>> 31
    all[j]! += weight * nonZero
    signed[j]! += weight * (nonZero | (bits[j]! >> 31)) * nonZero
  }
}
