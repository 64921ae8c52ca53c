// Rows of a matrix gathered by token id or by position: `output[column] (+)= W[index]`.

import { CentramError } from '#core/errors.ts'
import type { DType } from '#core/formats/tensor-entry.ts'
import { GROUP } from '../block-layout.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { weightText } from './weight-text.ts'
import { requireElements } from './linear.ts'

export interface Embedding {
  dispatch(buffers: { step: StepBuffer; matrix: GpuMatrix; output: Tensor }): Dispatch[]
}

export interface EmbeddingShape {
  readonly dtype: DType
  readonly columns: number
  /** `token`: the step's token ids; `position`: learned positions (GPT-2). */
  readonly index: 'token' | 'position'
  /** Adds to `output`: run the token gather first, then the position gather with this set. */
  readonly accumulate?: boolean
}

export async function createEmbedding(gpu: GpuContext, shape: EmbeddingShape): Promise<Embedding> {
  const pipeline = await gpu.pipelines.get({
    label: `embedding ${shape.dtype}`,
    parts: ['lib/step', 'lib/quant', await weightText(gpu.shaders, shape.dtype), 'embedding'],
    constants: { BY_POSITION: Number(shape.index === 'position'), ACCUMULATE: Number(shape.accumulate ?? false) },
  })
  return {
    dispatch({ step, matrix, output }) {
      const label = `${pipeline.label} ${matrix.label}`
      if (matrix.dtype !== shape.dtype) throw new CentramError('INTERNAL', `${label}: the matrix is ${matrix.dtype}.`)
      requireElements(label, output, shape.columns * matrix.columns)
      // Four threads a group of 32, 64 threads a workgroup.
      const across = Math.ceil(matrix.columns / GROUP / 16)
      return matrix.slabs.map((slab) => ({
        label,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: slab.quants, 1: slab.scales, 2: slab.shape, 3: step.buffer, 4: output.buffer }),
        workgroups: [across, shape.columns, 1],
      }))
    },
  }
}
