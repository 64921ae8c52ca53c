// Grouped-query attention, causal: column c at position `position + c` sees every position up to its own. Sums in
// double, softmax with the maximum taken off.

export interface AttentionReference {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Position of the first column. */
  readonly position: number
  readonly columns: number
  /** `[columns, heads, headDim]` */
  readonly query: Float32Array
  /** `[positions, kvHeads, headDim]` */
  readonly keys: Float32Array
  readonly values: Float32Array
}

/** `[columns, heads, headDim]` */
export function attention(reference: AttentionReference): Float32Array<ArrayBuffer> {
  const { heads, kvHeads, headDim, position, columns, query, keys, values } = reference
  const out = new Float32Array(columns * heads * headDim)
  for (let column = 0; column < columns; column++) {
    const length = position + column + 1
    for (let head = 0; head < heads; head++) {
      const q = (column * heads + head) * headDim
      const kvHead = Math.floor(head / (heads / kvHeads))
      const scores = Array.from({ length }, (_, p) => {
        let score = 0
        for (let i = 0; i < headDim; i++) {
          score += (query[q + i] as number) * (keys[(p * kvHeads + kvHead) * headDim + i] as number)
        }
        return score / Math.sqrt(headDim)
      })
      const maximum = scores.reduce((most, score) => Math.max(most, score), -Infinity)
      const weights = scores.map((score) => Math.exp(score - maximum))
      const mass = weights.reduce((sum, weight) => sum + weight, 0)
      for (let i = 0; i < headDim; i++) {
        let sum = 0
        for (let p = 0; p < length; p++) {
          sum += (weights[p] as number) * (values[(p * kvHeads + kvHead) * headDim + i] as number)
        }
        out[q + i] = sum / mass
      }
    }
  }
  return out
}
