// GELU for training: forward into another buffer, and backward onto the gradient in place.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface GeluTraining {
  forward(buffers: { step: StepBuffer; input: Tensor; output: Tensor }): Dispatch
  /** `gradient` of the output becomes that of the input. */
  backward(buffers: { step: StepBuffer; input: Tensor; gradient: Tensor }): Dispatch
}

export async function createGeluTraining(
  gpu: GpuContext,
  { width, columns }: { width: number; columns: number },
): Promise<GeluTraining> {
  const constants = { WIDTH: width }
  const [forward, backward] = await Promise.all([
    gpu.pipelines.get({ label: 'gelu-forward', parts: ['lib/step', 'lib/activation', 'gelu-forward'], constants }),
    gpu.pipelines.get({
      label: 'gelu-backward',
      parts: ['lib/step', 'lib/activation', 'lib/activation-slope', 'gelu-backward'],
      constants,
    }),
  ])
  const make = (pipeline: typeof forward, step: StepBuffer, input: Tensor, second: Tensor): Dispatch => {
    requireElements(pipeline.label, input, columns * width)
    requireElements(pipeline.label, second, columns * width)
    return {
      label: pipeline.label,
      pipeline: pipeline.pipeline,
      bindGroup: pipeline.bind({ 0: step.buffer, 1: input.buffer, 2: second.buffer }),
      workgroups: [...foldWorkgroups(Math.ceil((columns * width) / 64)), 1],
    }
  }
  return {
    forward: ({ step, input, output }) => make(forward, step, input, output),
    backward: ({ step, input, gradient }) => make(backward, step, input, gradient),
  }
}
