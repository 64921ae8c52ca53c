// Layer norm of each column, with weight and bias.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import type { NormShape } from './rms-norm.ts'

export interface LayerNorm {
  dispatch(buffers: { step: StepBuffer; input: Tensor; weight: Tensor; bias: Tensor; output: Tensor }): Dispatch
}

export declare function createLayerNorm(gpu: GpuContext, profile: KernelProfile, shape: NormShape): Promise<LayerNorm>
