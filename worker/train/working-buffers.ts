// The buffers that one micro-batch passes through, shared by all layers: a layer's forward is computed again before its
// backward, so only the residual stream between layers is kept. Chen et al., "Training deep nets with sublinear memory
// cost" (2016).

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'

/** All `[columns, …]`, row-major. */
export interface WorkingBuffers {
  /** The residual stream before each layer and after the last: `layers + 1` of `[columns, width]`. */
  readonly residuals: readonly Tensor[]
  /** Between attention and the feed-forward network. */
  readonly middle: Tensor
  readonly attentionInput: Tensor
  readonly networkInput: Tensor
  readonly query: Tensor
  readonly key: Tensor
  readonly value: Tensor
  /** Before the norms of heads (Qwen3). */
  readonly rawQuery: Tensor
  readonly rawKey: Tensor
  readonly attended: Tensor
  /** Of attention: `[columns, heads, 2]`. */
  readonly attentionStats: Tensor
  readonly gate: Tensor
  readonly up: Tensor
  /** What the last linear of the network reads. */
  readonly inner: Tensor

  readonly residualGradient: Tensor
  readonly normedGradient: Tensor
  readonly queryGradient: Tensor
  readonly keyGradient: Tensor
  readonly valueGradient: Tensor
  readonly rawQueryGradient: Tensor
  readonly rawKeyGradient: Tensor
  readonly attendedGradient: Tensor
  readonly innerGradient: Tensor
  /** Of norms: `[columns, heads, 2]` at most. */
  readonly normStats: Tensor
  /** For sums in two stages. */
  readonly scratch: Tensor
  /** Inputs of adapters after dropout. */
  readonly dropped: Tensor
  readonly bytes: number
  dispose(): void
}

export interface WorkingSizes {
  readonly columns: number
  readonly scratch: number
  readonly dropout: boolean
}

export async function createWorkingBuffers(
  gpu: GpuContext,
  config: ModelConfig,
  { columns, scratch, dropout }: WorkingSizes,
): Promise<WorkingBuffers> {
  const { width, layers, heads, kvHeads, headDim, ffnWidth, family } = config
  const made: Tensor[] = []
  const dispose = () => {
    for (const tensor of made.splice(0)) destroyTensor(gpu, tensor)
  }
  const create = async (label: string, size: number) => {
    const tensor = await createTensor(gpu, label, Math.max(4, columns * size))
    made.push(tensor)
    return tensor
  }
  const queryWidth = heads * headDim
  const keyWidth = kvHeads * headDim
  const headNorms = family === 'qwen3'
  const gated = family !== 'gpt2'
  try {
    const residuals: Tensor[] = []
    for (let layer = 0; layer <= layers; layer++) residuals.push(await create(`residual stream ${layer}`, width))
    const buffers = {
      residuals,
      middle: await create('middle', width),
      attentionInput: await create('attention input', width),
      networkInput: await create('network input', width),
      query: await create('query', queryWidth),
      key: await create('key', keyWidth),
      value: await create('value', keyWidth),
      rawQuery: await create('raw query', headNorms ? queryWidth : 0),
      rawKey: await create('raw key', headNorms ? keyWidth : 0),
      attended: await create('attended', queryWidth),
      attentionStats: await create('attention statistics', heads * 2),
      gate: await create('gate', gated ? ffnWidth : 0),
      up: await create('up', ffnWidth),
      inner: await create('inner', ffnWidth),
      residualGradient: await create('residual gradient', width),
      normedGradient: await create('normed gradient', width),
      queryGradient: await create('query gradient', queryWidth),
      keyGradient: await create('key gradient', keyWidth),
      valueGradient: await create('value gradient', keyWidth),
      rawQueryGradient: await create('raw query gradient', headNorms ? queryWidth : 0),
      rawKeyGradient: await create('raw key gradient', headNorms ? keyWidth : 0),
      attendedGradient: await create('attended gradient', queryWidth),
      innerGradient: await create('inner gradient', ffnWidth),
      normStats: await create('norm statistics', heads * 2),
      dropped: await create('dropped', dropout ? Math.max(width, queryWidth, ffnWidth) : 0),
      scratch: await createTensor(gpu, 'scratch', Math.max(4, scratch)),
    }
    made.push(buffers.scratch)
    return { ...buffers, bytes: made.reduce((sum, { bytes }) => sum + bytes, 0), dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
