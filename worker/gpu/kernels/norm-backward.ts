// Backward of RMSNorm (of whole columns or of every head) and LayerNorm to their input.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import { normThreads, type KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { quadsOf, requireElements } from './linear.ts'

export interface NormBackwardShape {
  readonly width: number
  readonly epsilon: number
  readonly columns: number
  /** RMS only: rows of a column, for a norm of every head; `width` is then the head size. */
  readonly heads?: number
  /** Adds into `inputGradient`: the residual stream's gradient. */
  readonly accumulate?: boolean
}

export interface NormBackward {
  dispatch(buffers: {
    step: StepBuffer
    /** What the norm read: `[columns, heads, width]`. */
    input: Tensor
    weight: Tensor
    outputGradient: Tensor
    /** Another buffer than `outputGradient`. */
    inputGradient: Tensor
    /** `[columns, heads, 2]`, for `createNormWeightGradient`; may be shared where no weight is trained. */
    stats: Tensor
  }): Dispatch
}

export const createRmsNormBackward = (gpu: GpuContext, profile: KernelProfile, shape: NormBackwardShape) =>
  createNormBackward(gpu, profile, shape, 'rms-norm-backward')

export const createLayerNormBackward = (
  gpu: GpuContext,
  profile: KernelProfile,
  shape: Omit<NormBackwardShape, 'heads'>,
) => createNormBackward(gpu, profile, shape, 'layer-norm-backward')

async function createNormBackward(
  gpu: GpuContext,
  profile: KernelProfile,
  { width, epsilon, columns, heads = 1, accumulate = false }: NormBackwardShape,
  shader: 'rms-norm-backward' | 'layer-norm-backward',
): Promise<NormBackward> {
  const pipeline = await gpu.pipelines.get({
    label: shader,
    parts: ['lib/step', shader],
    constants: {
      QUADS: quadsOf(shader, width),
      EPSILON: epsilon,
      ACCUMULATE: Number(accumulate),
      THREADS: normThreads(profile),
      ...(shader === 'rms-norm-backward' && { HEADS: heads }),
    },
  })
  return {
    dispatch({ step, input, weight, outputGradient, inputGradient, stats }) {
      const rows = columns * heads
      for (const tensor of [input, outputGradient, inputGradient]) requireElements(shader, tensor, rows * width)
      requireElements(shader, weight, width)
      requireElements(shader, stats, rows * 2)
      return {
        label: `${shader} ${weight.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: step.buffer,
          1: input.buffer,
          2: weight.buffer,
          3: outputGradient.buffer,
          4: inputGradient.buffer,
          5: stats.buffer,
        }),
        workgroups: [...foldWorkgroups(rows), 1],
      }
    },
  }
}
