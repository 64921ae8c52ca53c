// Layer norm of each column, with weight and bias.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { normThreads, type KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import type { NormShape } from './rms-norm.ts'
import { quadsOf, requireElements } from './linear.ts'

export interface LayerNorm {
  dispatch(buffers: { step: StepBuffer; input: Tensor; weight: Tensor; bias: Tensor; output: Tensor }): Dispatch
}

export async function createLayerNorm(gpu: GpuContext, profile: KernelProfile, shape: NormShape): Promise<LayerNorm> {
  const pipeline = await gpu.pipelines.get({
    label: 'layer-norm',
    parts: ['lib/step', 'layer-norm'],
    constants: {
      QUADS: quadsOf('layer-norm', shape.width),
      EPSILON: shape.epsilon,
      LAST: Number(shape.select === 'last'),
      THREADS: normThreads(profile),
    },
  })
  const columns = shape.select === 'last' ? 1 : shape.columns
  return {
    dispatch({ step, input, weight, bias, output }) {
      requireElements(pipeline.label, input, shape.columns * shape.width)
      requireElements(pipeline.label, weight, shape.width)
      requireElements(pipeline.label, bias, shape.width)
      requireElements(pipeline.label, output, columns * shape.width)
      return {
        label: `${pipeline.label} ${weight.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: step.buffer,
          1: input.buffer,
          2: weight.buffer,
          3: bias.buffer,
          4: output.buffer,
        }),
        workgroups: [columns, 1, 1],
      }
    },
  }
}
