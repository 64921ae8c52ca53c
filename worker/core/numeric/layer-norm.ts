// Layer norm (Ba et al. 2016, arXiv:1607.06450) of each row of `width`, sums in double.

import { zerosLike, type Floats, type Like } from './floats.ts'

export function layerNorm<T extends Floats>(input: T, weight: Floats, bias: Floats, epsilon: number): Like<T> {
  const width = weight.length
  const out = zerosLike(input, input.length)
  for (let first = 0; first < input.length; first += width) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += input[first + i] as number
    const mean = sum / width
    let squares = 0
    for (let i = 0; i < width; i++) squares += ((input[first + i] as number) - mean) ** 2
    const factor = 1 / Math.sqrt(squares / width + epsilon)
    for (let i = 0; i < width; i++) {
      out[first + i] = ((input[first + i] as number) - mean) * factor * (weight[i] as number) + (bias[i] as number)
    }
  }
  return out
}
