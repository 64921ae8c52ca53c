// RMS norm of each column: x / sqrt(mean(x²) + ε) · weight.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'

export interface NormShape {
  readonly width: number
  readonly epsilon: number
  readonly columns: number
  /** `last` normalises the step's last column only, into the output's first: what the head reads. */
  readonly select?: 'all' | 'last'
}

export interface RmsNorm {
  dispatch(buffers: { step: StepBuffer; input: Tensor; weight: Tensor; output: Tensor }): Dispatch
}

export declare function createRmsNorm(gpu: GpuContext, profile: KernelProfile, shape: NormShape): Promise<RmsNorm>
