// The gradient of a table whose rows were gathered, sums in double.

import { zerosLike, type Floats, type Like } from './floats.ts'

/** `[rows, width]`: every row adds up the gradients of the places that gathered it. */
export function scatterRows<T extends Floats>(rows: number, width: number, indices: Uint32Array, gradient: T): Like<T> {
  const sums = new Float64Array(rows * width)
  indices.forEach((index, at) => {
    for (let i = 0; i < width; i++) (sums[index * width + i] as number) += gradient[at * width + i] as number
  })
  const out = zerosLike(gradient, sums.length)
  out.set(sums)
  return out
}
