// Grouped-query attention over the KV cache, causal among the step's columns. The decode family computes a column in an
// order that depends on its position only; the prefill family takes a whole chunk.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface AttentionShape {
  readonly heads: number
  readonly kvHeads: number
  /** 16 to 256, a multiple of 4. */
  readonly headDim: number
  readonly columns: number
}

export interface Attention {
  dispatch(buffers: {
    step: StepBuffer
    /** `[columns, heads, headDim]` */
    query: Tensor
    /** `[contextLength, kvHeads, headDim]` each, the step's own columns already written. */
    keyCache: Tensor
    valueCache: Tensor
    /** `[columns, heads, headDim]` */
    output: Tensor
  }): Dispatch[]
}

export declare function createAttentionDecode(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: AttentionShape,
): Promise<Attention>
export declare function createAttentionPrefill(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: AttentionShape,
): Promise<Attention>
