// RMS norm (Zhang & Sennrich 2019, arXiv:1910.07467) of each row of `width`, sums in double.

export function rmsNorm(input: Float32Array, weight: Float32Array, epsilon: number): Float32Array<ArrayBuffer> {
  const width = weight.length
  const out = new Float32Array(input.length)
  for (let first = 0; first < input.length; first += width) {
    let squares = 0
    for (let i = 0; i < width; i++) squares += (input[first + i] as number) ** 2
    const factor = 1 / Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) out[first + i] = (input[first + i] as number) * factor * (weight[i] as number)
  }
  return out
}
