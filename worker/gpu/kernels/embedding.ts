// Rows of a matrix gathered by token id or by position: `output[column] (+)= W[index]`.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

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

export declare function createEmbedding(gpu: GpuContext, shape: EmbeddingShape): Promise<Embedding>
