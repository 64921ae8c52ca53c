// RMS norm of each column: x / sqrt(mean(x²) + ε) · weight.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { normThreads, type KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { foldWorkgroups } from '../grid.ts'
import { quadsOf, requireElements } from './linear.ts'

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

/** `heads`: rows of a column, each normed alone; `width` is then the head size. */
export async function createRmsNorm(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: NormShape & { readonly heads?: number },
): Promise<RmsNorm> {
  const heads = shape.heads ?? 1
  const pipeline = await gpu.pipelines.get({
    label: 'rms-norm',
    parts: ['lib/step', 'rms-norm'],
    constants: {
      QUADS: quadsOf('rms-norm', shape.width),
      EPSILON: shape.epsilon,
      LAST: Number(shape.select === 'last'),
      HEADS: heads,
      THREADS: normThreads(profile),
    },
  })
  const rows = shape.select === 'last' ? 1 : shape.columns * heads
  return {
    dispatch({ step, input, weight, output }) {
      requireElements(pipeline.label, input, shape.columns * heads * shape.width)
      requireElements(pipeline.label, weight, shape.width)
      requireElements(pipeline.label, output, rows * shape.width)
      return {
        label: `${pipeline.label} ${weight.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: input.buffer, 2: weight.buffer, 3: output.buffer }),
        workgroups: [...foldWorkgroups(rows), 1],
      }
    },
  }
}
