// `silu(gate) * up` for training: forward into another buffer, and backward onto both branches in place.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { Pipeline } from '../pipeline-cache.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface SiluMultiplyTraining {
  forward(buffers: { step: StepBuffer; gate: Tensor; up: Tensor; output: Tensor }): Dispatch
  /** `gate` and `up` become their own gradients. */
  backward(buffers: { step: StepBuffer; outputGradient: Tensor; gate: Tensor; up: Tensor }): Dispatch
}

export async function createSiluMultiplyTraining(
  gpu: GpuContext,
  { width, columns }: { width: number; columns: number },
): Promise<SiluMultiplyTraining> {
  const constants = { WIDTH: width }
  const [forward, backward] = await Promise.all([
    gpu.pipelines.get({
      label: 'silu-multiply-forward',
      parts: ['lib/step', 'lib/activation', 'silu-multiply-forward'],
      constants,
    }),
    gpu.pipelines.get({
      label: 'silu-multiply-backward',
      parts: ['lib/step', 'lib/activation', 'lib/activation-slope', 'silu-multiply-backward'],
      constants,
    }),
  ])
  const make = (pipeline: Pipeline, step: StepBuffer, tensors: readonly [Tensor, Tensor, Tensor]): Dispatch => {
    for (const tensor of tensors) requireElements(pipeline.label, tensor, columns * width)
    const [a, b, c] = tensors
    return {
      label: pipeline.label,
      pipeline: pipeline.pipeline,
      bindGroup: pipeline.bind({ 0: step.buffer, 1: a.buffer, 2: b.buffer, 3: c.buffer }),
      workgroups: [...foldWorkgroups(Math.ceil((columns * width) / 64)), 1],
    }
  }
  return {
    forward: ({ step, gate, up, output }) => make(forward, step, [gate, up, output]),
    backward: ({ step, outputGradient, gate, up }) => make(backward, step, [outputGradient, gate, up]),
  }
}
