// Matrix product for prefill, register-blocked, dequantising in registers.

import type { GpuContext } from '../context.ts'
import type { KernelProfile } from '../profile.ts'
import type { Linear, LinearShape } from './linear.ts'

export declare function createGemm(gpu: GpuContext, profile: KernelProfile, shape: LinearShape): Promise<Linear>
