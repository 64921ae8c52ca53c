// SCE: select the elements on which parents differ most, calculate weights from the size of their changes, erase those
// against the prevailing sign. Wan et al., "FuseChat", arXiv 2408.07990.

import { keepByMagnitude } from '#core/merge/magnitude-order.ts'
import type { MergeOperator } from '#core/merge/operator.ts'
import { sharedValue } from '#core/merge/parameters.ts'
import { dot, forStretches, STRETCH, taskVectors } from '#core/merge/tensor-arithmetic.ts'

/** Sums of squares below it say nothing about who changed more; mergekit's bound, which most adapters fall under. */
const TINY_ENERGY = 1e-6
const TINY_WEIGHT = 1e-6

export const SCE: MergeOperator = {
  name: 'sce',
  title: 'SCE',
  source: 'https://arxiv.org/abs/2408.07990',
  base: 'origin',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: [
    {
      name: 'select_topk',
      type: 'number',
      scope: 'shared',
      default: 1,
      min: 0,
      max: 1,
      meaning: 'share of the elements with the highest variance over parents that is merged',
    },
    {
      name: 'int8_mask',
      type: 'boolean',
      scope: 'shared',
      default: false,
      meaning: 'how mergekit stores a mask between steps; no effect here, nor on its result',
    },
  ],
  merge(group, values) {
    const share = sharedValue(values, 'select_topk')
    const deltas = taskVectors(group)
    const selected = share < 1 ? selectByVariance(deltas, share) : null
    const energy = deltas.map((delta) => meanSquare(delta, selected))
    const total = energy.reduce((sum, value) => sum + value, 0)
    const weights = energy.map((value) => (total < TINY_ENERGY ? 1 / deltas.length : value / total))

    const out = new Float32Array(deltas[0]!.length)
    for (let i = 0; i < out.length; i++) {
      out[i] = group.base === null ? 0 : group.base[i]!
      if (selected !== null && selected[i] === 0) continue
      let sum = 0
      for (let k = 0; k < deltas.length; k++) sum += deltas[k]![i]!
      const sign = sum >= 0 ? 1 : -1
      let merged = 0
      let weight = 0
      for (let k = 0; k < deltas.length; k++) {
        const value = deltas[k]![i]!
        if (value * sign <= 0) continue
        merged += weights[k]! * value
        weight += weights[k]!
      }
      out[i]! += merged / Math.max(weight, TINY_WEIGHT)
    }
    return out
  },
}

function meanSquare(delta: Float32Array, selected: Float32Array | null): number {
  if (delta.length === 0) return 0
  if (selected === null) return dot(delta, delta) / delta.length
  let sum = 0
  for (let i = 0; i < delta.length; i++) if (selected[i] !== 0) sum += delta[i]! * delta[i]!
  return sum / delta.length
}

/** Non-zero where the variance over parents is among the highest `share` of those that are not zero. */
function selectByVariance(deltas: readonly Float32Array[], share: number): Float32Array {
  const variance = new Float32Array(deltas[0]!.length)
  let nonZero = 0
  const means = new Float64Array(STRETCH)
  const squares = new Float64Array(STRETCH)
  forStretches(variance.length, (first, count) => {
    means.fill(0)
    squares.fill(0)
    for (const delta of deltas) {
      for (let j = 0; j < count; j++) means[j]! += delta[first + j]! / deltas.length
    }
    for (const delta of deltas) {
      for (let j = 0; j < count; j++) squares[j]! += (delta[first + j]! - means[j]!) ** 2
    }
    for (let j = 0; j < count; j++) {
      variance[first + j] = squares[j]! / deltas.length
      if (variance[first + j] !== 0) nonZero++
    }
  })
  // In f32 as mergekit's count is, which decides between k and k − 1 now and then.
  const kept = Math.floor(Math.fround(nonZero * Math.fround(share)))
  keepByMagnitude(variance, variance.length - kept, variance.length, 'later')
  return variance
}
