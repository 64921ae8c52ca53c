// RMS norm (Zhang & Sennrich 2019, arXiv:1910.07467) of each row of `width`, sums in double.

import { zerosLike, type Floats, type Like } from './floats.ts'

export function rmsNorm<T extends Floats>(input: T, weight: Floats, epsilon: number): Like<T> {
  const width = weight.length
  const out = zerosLike(input, input.length)
  for (let first = 0; first < input.length; first += width) {
    let squares = 0
    for (let i = 0; i < width; i++) squares += (input[first + i] as number) ** 2
    const factor = 1 / Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) out[first + i] = (input[first + i] as number) * factor * (weight[i] as number)
  }
  return out
}
