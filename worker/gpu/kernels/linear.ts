// What mat-vec and GEMM have in common: `output = W · input (+ bias) (+ output)`, one dispatch per slab of W.

import { CentramError } from '#core/errors.ts'
import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { Pipeline } from '../pipeline-cache.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface LinearShape {
  readonly dtype: DType
  /** Most columns a step runs: 1 to 8 for decode; any up to 128 for prefill. */
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

/** How many rows and columns one workgroup of the pipeline finishes. */
export interface LinearBlock {
  readonly rows: number
  readonly columns: number
}

/** Refuses buffers that are too small: a shader would clamp silently and answer nonsense. */
export function requireElements(what: string, tensor: Tensor, elements: number): void {
  if (tensor.elements < elements) {
    throw new CentramError(
      'INTERNAL',
      `${what}: ${tensor.label} holds ${tensor.elements} elements, ${elements} are needed.`,
    )
  }
}

/** Vectors of four in a row of `width`. Throws `MODEL_UNSUPPORTED` for a width that is not a multiple of 4. */
export function quadsOf(what: string, width: number): number {
  if (width % 4 !== 0)
    throw new CentramError('MODEL_UNSUPPORTED', `${what}: a width of ${width} is not a multiple of 4.`)
  return width / 4
}

/** The dispatches of a pipeline over lib/linear's bindings. */
export function linearOver(gpu: GpuContext, pipeline: Pipeline, shape: LinearShape, block: LinearBlock): Linear {
  return {
    dispatch({ step, matrix, input, output, bias }) {
      const label = `${pipeline.label} ${matrix.label}`
      if (matrix.dtype !== shape.dtype) throw new CentramError('INTERNAL', `${label}: the matrix is ${matrix.dtype}.`)
      requireElements(label, input, shape.columns * matrix.columns)
      requireElements(label, output, shape.columns * matrix.rows)
      if (shape.bias) {
        if (!bias) throw new CentramError('INTERNAL', `${label}: the bias is missing.`)
        requireElements(label, bias, matrix.rows)
      }
      return matrix.slabs.map((slab) => ({
        label,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: slab.quants,
          1: slab.scales,
          2: slab.shape,
          3: step.buffer,
          4: input.buffer,
          5: output.buffer,
          6: bias?.buffer ?? gpu.placeholder,
        }),
        workgroups: [...foldWorkgroups(Math.ceil(slab.rows / block.rows)), Math.ceil(shape.columns / block.columns)],
      }))
    },
  }
}
