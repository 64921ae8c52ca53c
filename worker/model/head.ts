// The last thing the last shard does: the final norm, the logits of the step's last column or of each of a decode step, and
// their arg-max; or the norm alone, of every column of a prefill step.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createArgMax } from '../gpu/kernels/arg-max.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import { inOrder, type BlockParts, type Family } from './block.ts'
import { createLinear } from './linear-layer.ts'
import { loadNorm } from './norm.ts'
import { headMatrixName } from './shard-tensors.ts'
import { DECODE_COLUMNS } from './shard.ts'
import { HEAD_MODE, type StepMode } from './step-mode.ts'

export interface Head {
  /** `[columns, vocabularySize]`; the last column's alone, where only that was asked for, is the first. */
  readonly logits: Tensor
  /** u32 token and f32 logit a column, once the arg-max ran. */
  readonly best: GPUBuffer
  /** `last`: of the step's last column, whatever its family; a mode: of each column of a decode step. */
  planLogits(activations: Activations, columns: HeadColumns): Promise<Dispatch[]>
  planArgMax(columns: HeadColumns): Dispatch[]
  /** Every column after the last norm, into `activations.normed`. */
  planStates(activations: Activations, mode: StepMode): Promise<Dispatch[]>
  readonly bytes: number
  dispose(): void
}

export type HeadColumns = 'last' | StepMode

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
    const logits = await create('logits', DECODE_COLUMNS * config.vocabularySize)
    const normed = await create('normed columns', DECODE_COLUMNS * config.width)
    const argMax = await createArgMax(gpu, { size: config.vocabularySize, columns: DECODE_COLUMNS })
    return {
      logits,
      best: argMax.result,
      bytes: logits.bytes + normed.bytes,
      planLogits(activations, columns) {
        const mode = columns === 'last' ? HEAD_MODE : columns
        return inOrder([
          norm.plan(mode, activations, normed, columns === 'last' ? 'last' : 'all'),
          projection.plan(mode, activations, normed, logits),
        ])
      },
      planStates: async (activations, mode) => [await norm.plan(mode, activations, activations.normed, 'all')],
      planArgMax: (columns) => argMax.dispatch({ logits }, columns === 'last' ? 1 : columns.columns),
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
