// `output = silu(gate) * up` over `[columns, width]`; the two-step form of the gated mat-vec, for prefill.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface SiluMultiply {
  /** `gate` becomes the result. */
  dispatch(buffers: { step: StepBuffer; gate: Tensor; up: Tensor }): Dispatch
}

export declare function createSiluMultiply(
  gpu: GpuContext,
  shape: { width: number; columns: number },
): Promise<SiluMultiply>
