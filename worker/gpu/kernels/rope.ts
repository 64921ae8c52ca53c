// Rotary position embedding of q (in place) and k, and the write of k and v into the KV cache. Without a rope config
// (learned positions) only the cache write.

import type { RopeConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface RopeShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly columns: number
  /** `layout` and `dimensions` are read; the angles come from the table. */
  readonly rope?: RopeConfig
}

export interface Rope {
  dispatch(buffers: {
    step: StepBuffer
    /** cos and sin by position, from `createRopeTable`; absent without rope. */
    table?: Tensor
    /** `[columns, heads, headDim]` */
    query: Tensor
    /** `[columns, kvHeads, headDim]` */
    key: Tensor
    value: Tensor
    /** `[contextLength, kvHeads, headDim]` each */
    keyCache: Tensor
    valueCache: Tensor
  }): Dispatch
}

/** cos and sin of every angle up to `positions`, computed in double: GPU sines are coarse for large angles. */
export declare function createRopeTable(gpu: GpuContext, rope: RopeConfig, positions: number): Promise<Tensor>

export declare function createRope(gpu: GpuContext, shape: RopeShape): Promise<Rope>
