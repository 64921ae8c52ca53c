// The buffers a step's values pass through, shared by all sessions of a shard: a step leaves nothing in them that the
// next one reads, and the GPU runs steps one after another.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createStepBuffer, type StepBuffer } from '../gpu/step-buffer.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { PREFILL_CHUNK } from './shard.ts'

/** All are `[columns, …]`, row-major. */
export interface Activations {
  readonly step: StepBuffer
  /** The residual stream, `width`. */
  readonly hidden: Tensor
  /** What a norm gives, `width`. */
  readonly normed: Tensor
  /** `heads × headDim` */
  readonly query: Tensor
  /** `kvHeads × headDim` */
  readonly key: Tensor
  readonly value: Tensor
  /** What attention gives, `heads × headDim`. */
  readonly attended: Tensor
  /** Inside the feed-forward network, `ffnWidth`. */
  readonly inner: Tensor
  /** The second branch of a gated network, in prefill. */
  readonly gated: Tensor
  readonly bytes: number
  dispose(): void
}

export async function createActivations(gpu: GpuContext, config: ModelConfig): Promise<Activations> {
  const { width, heads, kvHeads, headDim, ffnWidth } = config
  const made: Tensor[] = []
  const dispose = () => {
    for (const tensor of made) destroyTensor(gpu, tensor)
  }
  const create = async (label: string, size: number) => {
    const tensor = await createTensor(gpu, label, PREFILL_CHUNK * size)
    made.push(tensor)
    return tensor
  }
  try {
    const tensors = {
      hidden: await create('hidden state', width),
      normed: await create('normed state', width),
      query: await create('query', heads * headDim),
      key: await create('key', kvHeads * headDim),
      value: await create('value', kvHeads * headDim),
      attended: await create('attended', heads * headDim),
      inner: await create('feed-forward state', ffnWidth),
      gated: await create('gated state', ffnWidth),
    }
    const step = await createStepBuffer(gpu)
    return {
      ...tensors,
      step,
      bytes: made.reduce((sum, { bytes }) => sum + bytes, 0),
      dispose() {
        dispose()
        step.dispose()
      },
    }
  } catch (error) {
    dispose()
    throw error
  }
}
