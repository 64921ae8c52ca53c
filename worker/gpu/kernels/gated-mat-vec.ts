// Fused `output = silu(gate · input) * (up · input)` for decode.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface GatedMatVec {
  /** `gate` and `up` are of one shape; their element types may differ. */
  dispatch(buffers: { step: StepBuffer; gate: GpuMatrix; up: GpuMatrix; input: Tensor; output: Tensor }): Dispatch[]
}

export declare function createGatedMatVec(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: { gate: DType; up: DType; columns: number },
): Promise<GatedMatVec>
