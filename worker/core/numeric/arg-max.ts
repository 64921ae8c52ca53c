// The index of the largest value, the lower one on a tie; NaN never wins, and nothing but NaN answers -1.

export function argMax(values: Float32Array): number {
  let best = -1
  let most = -Infinity
  values.forEach((value, i) => {
    if (value > most || (best < 0 && value === most)) {
      best = i
      most = value
    }
  })
  return best
}
