// The last thing the last shard does: the final norm and the logits of the step's last column, and their arg-max.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createArgMax } from '../gpu/kernels/arg-max.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import { inOrder, type BlockParts, type Family } from './block.ts'
import { createLinear } from './linear-layer.ts'
import { loadNorm } from './norm.ts'
import { headMatrixName } from './shard-tensors.ts'
import { HEAD_MODE } from './step-mode.ts'

export interface Head {
  /** `[vocabularySize]` */
  readonly logits: Tensor
  /** u32 token and f32 logit, once the arg-max ran. */
  readonly best: GPUBuffer
  planLogits(activations: Activations): Promise<Dispatch[]>
  planArgMax(): Dispatch[]
  readonly bytes: number
  dispose(): void
}

export async function loadHead(gpu: GpuContext, family: Family, parts: BlockParts): Promise<Head> {
  const { config, weights } = parts
  const norm = await loadNorm(family.norm, parts, 'output_norm')
  const projection = createLinear(parts, await weights.matrix(headMatrixName(config)))
  const made: Tensor[] = []
  const dispose = () => {
    for (const tensor of made) destroyTensor(gpu, tensor)
  }
  const create = async (label: string, elements: number) => {
    const tensor = await createTensor(gpu, label, elements)
    made.push(tensor)
    return tensor
  }
  try {
    const logits = await create('logits', config.vocabularySize)
    const normed = await create('last column', config.width)
    const argMax = await createArgMax(gpu, { size: config.vocabularySize })
    return {
      logits,
      best: argMax.result,
      bytes: logits.bytes + normed.bytes,
      planLogits: (activations) =>
        inOrder([
          norm.plan(HEAD_MODE, activations, normed, 'last'),
          projection.plan(HEAD_MODE, activations, normed, logits),
        ]),
      planArgMax: () => argMax.dispatch({ logits }),
      dispose() {
        argMax.dispose()
        dispose()
      },
    }
  } catch (error) {
    dispose()
    throw error
  }
}
