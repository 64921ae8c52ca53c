// What RAM and RAM+ share: how many parents changed an element decides how their changes are added.

import type { MergeGroup, ParameterSpec } from '#core/merge/operator.ts'
import { taskVectors } from '#core/merge/tensor-arithmetic.ts'

export const RAM_EPSILON: ParameterSpec = {
  name: 'epsilon',
  type: 'number',
  scope: 'shared',
  default: 1e-5,
  min: 0,
  meaning: 'a change up to this magnitude counts as none',
}

/** @param gainOf factor of a parent's own changes, from how many of its changes others share and how many are its own. */
export function mergeByContributors(
  group: MergeGroup,
  epsilon: number,
  gainOf: (shared: number, own: number) => number,
): Float32Array {
  const vectors = taskVectors(group)
  const bound = Math.fround(epsilon)
  const length = vectors[0]!.length
  const contributors = new Uint32Array(length)
  for (const vector of vectors) {
    for (let i = 0; i < length; i++) if (Math.abs(vector[i]!) > bound) contributors[i]!++
  }
  const gains = vectors.map((vector) => {
    let shared = 0
    let own = 0
    for (let i = 0; i < length; i++) {
      if (Math.abs(vector[i]!) <= bound) continue
      if (contributors[i] === 1) own++
      else shared++
    }
    return gainOf(shared, own)
  })
  const out = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    let sum = 0
    for (let k = 0; k < vectors.length; k++) {
      const value = vectors[k]![i]!
      if (Math.abs(value) <= bound) continue
      sum += contributors[i] === 1 ? value * gains[k]! : value / contributors[i]!
    }
    out[i] = (group.base === null ? 0 : group.base[i]!) + sum
  }
  return out
}
