// Mat-vec for decode, one to eight columns; a column's bits do not depend on how many run.

import type { GpuContext } from '../context.ts'
import type { KernelProfile } from '../profile.ts'
import type { Linear, LinearShape } from './linear.ts'

export declare function createMatVec(gpu: GpuContext, profile: KernelProfile, shape: LinearShape): Promise<Linear>
