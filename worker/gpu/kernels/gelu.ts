// GELU in its tanh form (GPT-2's gelu_new) over `[columns, width]`, in place.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { foldWorkgroups } from '../grid.ts'
import { requireElements } from './linear.ts'

export interface Gelu {
  dispatch(buffers: { step: StepBuffer; data: Tensor }): Dispatch
}

export async function createGelu(gpu: GpuContext, shape: { width: number; columns: number }): Promise<Gelu> {
  const elements = shape.width * shape.columns
  const pipeline = await gpu.pipelines.get({
    label: 'gelu',
    parts: ['lib/step', 'lib/activation', 'gelu'],
    constants: { WIDTH: shape.width },
  })
  return {
    dispatch({ step, data }) {
      requireElements('gelu', data, elements)
      return {
        label: 'gelu',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: data.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil(elements / 64)), 1],
      }
    },
  }
}
