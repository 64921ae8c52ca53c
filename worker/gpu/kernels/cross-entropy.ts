// Softmax cross-entropy of every column that has a target; the logits become their gradient in place.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { normThreads, type KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface CrossEntropy {
  dispatch(buffers: {
    step: StepBuffer
    /** u32 by column, `NO_TARGET` for none: `BatchBuffers.targets`. */
    targets: GPUBuffer
    /** What each gradient is multiplied by: `BatchBuffers.lossScale`. */
    scale: Tensor
    /** `[columns, vocabulary]`; becomes (softmax - one-hot) * scale. */
    logits: Tensor
    /** `[columns]`: unscaled, 0 without a target. The host adds them up. */
    losses: Tensor
  }): Dispatch
}

export interface CrossEntropyShape {
  readonly vocabulary: number
  readonly columns: number
  /** False for the losses alone (held-out text): the logits stay. */
  readonly gradient?: boolean
}

export async function createCrossEntropy(
  gpu: GpuContext,
  profile: KernelProfile,
  { vocabulary, columns, gradient = true }: CrossEntropyShape,
): Promise<CrossEntropy> {
  const label = 'cross-entropy'
  const pipeline = await gpu.pipelines.get({
    label,
    parts: ['lib/step', label],
    constants: {
      VOCABULARY: vocabulary,
      GRADIENT: Number(gradient),
      THREADS: normThreads(profile),
    },
  })
  return {
    dispatch({ step, targets, scale, logits, losses }) {
      requireElements(label, logits, columns * vocabulary)
      requireElements(label, losses, columns)
      return {
        label,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: step.buffer,
          1: targets,
          2: scale.buffer,
          3: logits.buffer,
          4: losses.buffer,
        }),
        workgroups: [columns, 1, 1],
      }
    },
  }
}
