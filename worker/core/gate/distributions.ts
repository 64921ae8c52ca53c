// Two distributions of the next token, as natural logarithms, and how far one is from the other.

/** Kullback and Leibler's, in nats: what is lost by whoever expects `reference` where `own` holds. */
export function divergence(own: Float32Array, reference: Float32Array): number {
  let sum = 0
  for (let i = 0; i < own.length; i++) {
    const log = own[i] as number
    // What never happens costs nothing; what the other holds for impossible does not cost without bound.
    if (log > -50) sum += Math.exp(log) * (log - Math.max(reference[i] as number, -50))
  }
  return Math.max(0, sum)
}
