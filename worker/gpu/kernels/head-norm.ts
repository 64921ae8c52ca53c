// RMS norm of every head of a column, in place (Qwen3's norms on q and k).

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface HeadNorm {
  /** `data` is `[columns, heads, headDim]`, `weight` is `[headDim]`. */
  dispatch(buffers: { step: StepBuffer; data: Tensor; weight: Tensor }): Dispatch
}

export async function createHeadNorm(
  gpu: GpuContext,
  shape: { heads: number; headDim: number; epsilon: number; columns: number },
): Promise<HeadNorm> {
  const { heads, headDim, epsilon, columns } = shape
  const pipeline = await gpu.pipelines.get({
    label: 'head-norm',
    parts: ['lib/step', 'head-norm'],
    constants: { HEADS: heads, HEAD_DIM: headDim, EPSILON: epsilon },
  })
  return {
    dispatch({ step, data, weight }) {
      requireElements(pipeline.label, data, columns * heads * headDim)
      requireElements(pipeline.label, weight, headDim)
      return {
        label: `${pipeline.label} ${weight.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: weight.buffer, 2: data.buffer }),
        workgroups: [heads, columns, 1],
      }
    },
  }
}
