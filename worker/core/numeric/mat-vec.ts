// `W · x` for each column, sums in double: the reference of mat-vec and GEMM.

import { zerosLike, type Floats, type Like } from './floats.ts'

export interface LinearReference<T extends Floats = Float32Array> {
  /** `[rows, width]`, dequantised. */
  readonly weights: Floats
  readonly rows: number
  readonly width: number
  /** `[columns, width]` */
  readonly input: T
  readonly bias?: Floats
  /** `[columns, rows]`, added: the residual stream. */
  readonly base?: Floats
}

/** `[columns, rows]` */
export function multiply<T extends Floats>(reference: LinearReference<T>): Like<T> {
  const { weights, rows, width, input, bias, base } = reference
  const columns = input.length / width
  const out = zerosLike(input, columns * rows)
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      let sum = bias?.[row] ?? 0
      for (let i = 0; i < width; i++) {
        sum += (weights[row * width + i] as number) * (input[column * width + i] as number)
      }
      out[column * rows + row] = sum + (base?.[column * rows + row] ?? 0)
    }
  }
  return out
}
