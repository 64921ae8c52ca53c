// The largest logit and its id, found on the GPU in two stages; the lower id wins a tie.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { Tensor } from '../tensor.ts'

export interface ArgMax {
  /** 8 bytes a column: u32 id, f32 logit. Read it with `Submitter.run`. */
  readonly result: GPUBuffer
  /** `logits` is `[columns, size]`. */
  dispatch(buffers: { logits: Tensor }): Dispatch[]
  dispose(): void
}

export declare function createArgMax(gpu: GpuContext, shape: { size: number; columns?: number }): Promise<ArgMax>
