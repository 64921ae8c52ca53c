// Arcee Fusion: take over the changes that matter most, by size times the divergence that they cause in their row.
// Described by mergekit, https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md.

import type { MergeOperator } from '#core/merge/operator.ts'
import { refuse } from '#core/merge/parameters.ts'
import { rowsOf } from '#core/merge/tensor-arithmetic.ts'

const EPS = 1e-8

export const ARCEE_FUSION: MergeOperator = {
  name: 'arcee_fusion',
  title: 'Arcee Fusion',
  source: 'https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md',
  base: 'endpoint',
  random: false,
  parents: { min: 1, max: 1 },
  parameters: [],
  merge({ base, parents, shape, name }) {
    const other = parents[0]!
    if (base === null) throw refuse(ARCEE_FUSION, `needs a base for "${name}"`)
    const importance = importanceOf(base, other, rowsOf(shape).columns)
    const threshold = thresholdOf(importance)
    const out = base.slice()
    for (let i = 0; i < out.length; i++) if (importance[i]! >= threshold) out[i] = other[i]!
    return out
  },
}

/** |change| times the Kullback–Leibler divergence between the rows' softmaxes. */
function importanceOf(base: Float32Array, other: Float32Array, columns: number): Float32Array {
  const out = new Float32Array(base.length)
  const p = new Float64Array(columns)
  const q = new Float64Array(columns)
  for (let start = 0; start < out.length; start += columns) {
    softmax(other.subarray(start, start + columns), p)
    softmax(base.subarray(start, start + columns), q)
    let divergence = 0
    for (let k = 0; k < columns; k++) divergence += (p[k]! + EPS) * Math.log((p[k]! + EPS) / (q[k]! + EPS))
    for (let k = start; k < start + columns; k++) out[k] = Math.abs(other[k]! - base[k]!) * divergence
  }
  return out
}

function softmax(row: Float32Array, out: Float64Array): void {
  let most = -Infinity
  for (let k = 0; k < row.length; k++) most = Math.max(most, row[k]!)
  let sum = 0
  for (let k = 0; k < row.length; k++) sum += out[k] = Math.exp(row[k]! - most)
  for (let k = 0; k < row.length; k++) out[k]! /= sum
}

/** The median and one and a half times the distance between the quartiles; mergekit samples where there are over a million. */
function thresholdOf(importance: Float32Array): number {
  const sorted = importance.slice().sort()
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return Math.fround(at(0.5) + 1.5 * Math.fround(at(0.75) - at(0.25)))
}
