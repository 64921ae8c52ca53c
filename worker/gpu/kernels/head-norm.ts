// RMS norm of every head of a column, in place (Qwen3's norms on q and k).

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface HeadNorm {
  /** `data` is `[columns, heads, headDim]`, `weight` is `[headDim]`. */
  dispatch(buffers: { step: StepBuffer; data: Tensor; weight: Tensor }): Dispatch
}

export declare function createHeadNorm(
  gpu: GpuContext,
  shape: { heads: number; headDim: number; epsilon: number; columns: number },
): Promise<HeadNorm>
