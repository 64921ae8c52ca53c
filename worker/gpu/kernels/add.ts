// `sum += term` over `[columns, width]`.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface Add {
  dispatch(buffers: { step: StepBuffer; sum: Tensor; term: Tensor }): Dispatch
}

export declare function createAdd(gpu: GpuContext, shape: { width: number; columns: number }): Promise<Add>
