// Grouped-query attention over a packed batch, causal within each document, and its gradients: in double, with the whole
// row of probabilities at hand.

import { zerosLike, type Floats, type Like } from './floats.ts'

export interface AttentionBatch<T extends Floats> {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** First column that each column attends to. */
  readonly starts: Uint32Array
  /** `[columns, heads, headDim]` */
  readonly query: T
  /** `[columns, kvHeads, headDim]` */
  readonly key: T
  readonly value: T
}

export interface AttentionGradients<T extends Floats> {
  readonly query: Like<T>
  readonly key: Like<T>
  readonly value: Like<T>
}

/** `[columns, heads, headDim]` */
export function attentionForward<T extends Floats>(batch: AttentionBatch<T>): Like<T> {
  const out = zerosLike(batch.query, batch.query.length)
  forEachRow(batch, ({ q, first, probabilities, kv }) => {
    for (let i = 0; i < batch.headDim; i++) {
      let sum = 0
      probabilities.forEach((p, at) => (sum += p * (batch.value[kv(first + at) + i] as number)))
      out[q + i] = sum
    }
  })
  return out
}

export function attentionBackward<T extends Floats>(
  batch: AttentionBatch<T>,
  outputGradient: Floats,
): AttentionGradients<T> {
  const { headDim, query, key, value } = batch
  const ofQuery = new Float64Array(query.length)
  const ofKey = new Float64Array(key.length)
  const ofValue = new Float64Array(value.length)
  const scale = 1 / Math.sqrt(headDim)
  forEachRow(batch, ({ q, first, probabilities, kv }) => {
    const ofProbability = probabilities.map((p, at) => {
      let sum = 0
      for (let i = 0; i < headDim; i++) {
        const g = outputGradient[q + i] as number
        sum += g * (value[kv(first + at) + i] as number)
        ;(ofValue[kv(first + at) + i] as number) += p * g
      }
      return sum
    })
    const delta = probabilities.reduce((sum, p, at) => sum + p * (ofProbability[at] as number), 0)
    probabilities.forEach((p, at) => {
      const ofScore = p * ((ofProbability[at] as number) - delta) * scale
      const k = kv(first + at)
      for (let i = 0; i < headDim; i++) {
        ;(ofQuery[q + i] as number) += ofScore * (key[k + i] as number)
        ;(ofKey[k + i] as number) += ofScore * (query[q + i] as number)
      }
    })
  })
  const like = (values: Float64Array) => {
    const out = zerosLike(query, values.length)
    out.set(values)
    return out
  }
  return { query: like(ofQuery), key: like(ofKey), value: like(ofValue) }
}

interface Row {
  /** Where the row's query begins. */
  readonly q: number
  readonly first: number
  /** Of the columns from `first` to the row's own. */
  readonly probabilities: readonly number[]
  /** Where the keys and values of a column begin. */
  kv(column: number): number
}

function forEachRow<T extends Floats>(batch: AttentionBatch<T>, visit: (row: Row) => void): void {
  const { heads, kvHeads, headDim, starts, query, key } = batch
  starts.forEach((first, column) => {
    for (let head = 0; head < heads; head++) {
      const q = (column * heads + head) * headDim
      const kvHead = Math.floor(head / (heads / kvHeads))
      const kv = (at: number) => (at * kvHeads + kvHead) * headDim
      const scores = Array.from({ length: column - first + 1 }, (_, at) => {
        let score = 0
        for (let i = 0; i < headDim; i++) score += (query[q + i] as number) * (key[kv(first + at) + i] as number)
        return score / Math.sqrt(headDim)
      })
      const maximum = scores.reduce((most, score) => Math.max(most, score), -Infinity)
      const weights = scores.map((score) => Math.exp(score - maximum))
      const mass = weights.reduce((sum, weight) => sum + weight, 0)
      visit({ q, first, probabilities: weights.map((weight) => weight / mass), kv })
    }
  })
}
