// `W · x` for each column, sums in double: the reference of mat-vec and GEMM.

export interface LinearReference {
  /** `[rows, width]`, dequantised. */
  readonly weights: Float32Array
  readonly rows: number
  readonly width: number
  /** `[columns, width]` */
  readonly input: Float32Array
  readonly bias?: Float32Array
  /** `[columns, rows]`, added: the residual stream. */
  readonly base?: Float32Array
}

/** `[columns, rows]` */
export function multiply({ weights, rows, width, input, bias, base }: LinearReference): Float32Array<ArrayBuffer> {
  const columns = input.length / width
  const out = new Float32Array(columns * rows)
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
