// Gradients of `output = W · input (+ bias)` for rows of inputs, sums in double.

import { zerosLike, type Floats, type Like } from './floats.ts'

/** `[columns, width]`: Wᵀ · gradient of each column. `weights` is `[rows, width]`. */
export function linearInputGradient<T extends Floats>(
  weights: Floats,
  rows: number,
  width: number,
  outputGradient: T,
): Like<T> {
  const columns = outputGradient.length / rows
  const out = zerosLike(outputGradient, columns * width)
  for (let column = 0; column < columns; column++) {
    for (let i = 0; i < width; i++) {
      let sum = 0
      for (let row = 0; row < rows; row++) {
        sum += (weights[row * width + i] as number) * (outputGradient[column * rows + row] as number)
      }
      out[column * width + i] = sum
    }
  }
  return out
}

/** `[rows, width]`: the sum over columns of gradient × input. */
export function linearWeightGradient<T extends Floats>(
  rows: number,
  width: number,
  input: Floats,
  outputGradient: T,
): Like<T> {
  const columns = outputGradient.length / rows
  const out = zerosLike(outputGradient, rows * width)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      let sum = 0
      for (let column = 0; column < columns; column++) {
        sum += (outputGradient[column * rows + row] as number) * (input[column * width + i] as number)
      }
      out[row * width + i] = sum
    }
  }
  return out
}

/** `[width]`: the sum over columns, which is a bias's gradient. */
export function columnSum<T extends Floats>(width: number, data: T): Like<T> {
  const out = zerosLike(data, width)
  for (let i = 0; i < width; i++) {
    let sum = 0
    for (let at = i; at < data.length; at += width) sum += data[at] as number
    out[i] = sum
  }
  return out
}
