// What mat-vec and GEMM have in common: `output = W · input (+ bias) (+ output)`, one dispatch per slab of W.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { Dispatch } from '../dispatch.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface LinearShape {
  readonly dtype: DType
  /** Most columns a step runs: 1, 2, 4 or 8 for decode; any up to 128 for prefill. */
  readonly columns: number
  /** Adds `bias[row]`. */
  readonly bias?: boolean
  /** Adds into `output` instead of overwriting it: the residual stream. */
  readonly accumulate?: boolean
}

export interface LinearBuffers {
  readonly step: StepBuffer
  readonly matrix: GpuMatrix
  /** `[columns, matrix.columns]` */
  readonly input: Tensor
  /** `[columns, matrix.rows]` */
  readonly output: Tensor
  /** `[matrix.rows]` */
  readonly bias?: Tensor
}

/** Serves every matrix of its element type, whatever its size. */
export interface Linear {
  dispatch(buffers: LinearBuffers): Dispatch[]
}
