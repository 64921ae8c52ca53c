// GELU in its tanh form (GPT-2's gelu_new) over `[columns, width]`, in place.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface Gelu {
  dispatch(buffers: { step: StepBuffer; data: Tensor }): Dispatch
}

export declare function createGelu(gpu: GpuContext, shape: { width: number; columns: number }): Promise<Gelu>
