// The ways in which methods of the task arithmetic family thin out a task vector, in place.

import { createDraws } from '#core/merge/draws.ts'
import { createMagnitudeRanker, keepByMagnitude } from '#core/merge/magnitude-order.ts'
import type { MergeValues, ParameterSpec } from '#core/merge/operator.ts'
import { parentValues, refuse } from '#core/merge/parameters.ts'
import type { Thin } from '#core/merge/task-arithmetic-family.ts'

/** TIES: the share `density` of largest magnitude, at least one element; of equal ones those that come first. */
export const keepLargest: Thin = (delta, { density }) => {
  const kept = density <= 0 || delta.length === 0 ? 0 : Math.max(1, Math.floor(density * delta.length))
  keepByMagnitude(delta, delta.length - kept, delta.length, 'later')
}

export const BREADCRUMBS_GAMMA: ParameterSpec = {
  name: 'gamma',
  type: 'number',
  scope: 'parent',
  default: 0.01,
  min: 0,
  max: 1,
  meaning: 'share of the largest changes that is dropped',
}

/** Breadcrumbs: without the share `gamma` of largest magnitude, the next `density`; less of gamma where both are too many. */
export const keepMiddle: Thin = (delta, { values, parent, density }) => {
  const kept = Math.floor(density * delta.length)
  const top = Math.floor(parentValues(values, 'gamma')[parent]! * delta.length)
  const first = Math.max(0, delta.length - kept - top)
  keepByMagnitude(delta, first, first + kept, 'earlier')
}

/** DARE: every element by a coin of its own, kept with probability `density`. */
export const keepAtRandom: Thin = (delta, { group, parent, density, seed }) => {
  const draw = createDraws(seed, group.name, parent)
  const share = Math.fround(density)
  for (let i = 0; i < delta.length; i++) if (draw(i) >= share) delta[i] = 0
}

export const DELLA_EPSILON: ParameterSpec = {
  name: 'epsilon',
  type: 'number',
  scope: 'parent',
  default: 0.15,
  min: 0,
  max: 0.5,
  meaning: 'the probability of being kept runs from density − epsilon to density + epsilon within a row',
}

export function checkDellaEpsilon(name: string, values: MergeValues): void {
  const density = parentValues(values, 'density')
  for (const [parent, epsilon] of parentValues(values, 'epsilon').entries()) {
    const share = density[parent]!
    if (share <= 0 || share >= 1 || (share + epsilon < 1 && share - epsilon > 0)) continue
    throw refuse({ name }, `needs density ± epsilon between 0 and 1, but they are ${share} ± ${epsilon}. Lower epsilon`)
  }
}

/** DELLA: kept with a probability that rises with the rank of the magnitude within its row (second axis; else the whole). */
export const keepLargeMoreReadily: Thin = (delta, { group, values, parent, density, seed }) => {
  if (density <= 0) {
    delta.fill(0)
    return
  }
  const { shape, name } = group
  const epsilon = parentValues(values, 'epsilon')[parent]!
  const length = shape.length < 2 ? delta.length : shape[1]!
  const stride = shape.slice(2).reduce((product, size) => product * size, 1)
  const draw = createDraws(seed, name, parent)
  const row = new Float32Array(length)
  const lowest = density - epsilon
  const rank = createMagnitudeRanker(length)
  const places = new Uint32Array(length)
  for (let vector = 0; vector * length < delta.length; vector++) {
    const start = Math.floor(vector / stride) * stride * length + (vector % stride)
    for (let i = 0; i < length; i++) row[i] = delta[start + i * stride]!
    rank(row, places)
    for (let i = 0; i < length; i++) {
      // A row of one has no order; mergekit fails on it.
      const place = length === 1 ? 0.5 : Math.fround(places[i]! / (length - 1))
      const at = start + i * stride
      if (draw(at) >= Math.fround(lowest + place * 2 * epsilon)) delta[at] = 0
    }
  }
}
