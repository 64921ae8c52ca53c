// A model as training runs it: forward over a packed batch, loss, and backward with each layer computed again. All lists of
// dispatches are built once; what changes between micro-batches lies in buffers.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createBatchBuffers, type Batch } from '../gpu/batch-buffers.ts'
import type { GpuContext } from '../gpu/context.ts'
import { columnSumScratch } from '../gpu/kernels/column-sum.ts'
import { createDrawBuffer } from '../gpu/kernels/dropout.ts'
import { weightGradientScratch } from '../gpu/kernels/linear-weight-gradient.ts'
import { loraScratch } from '../gpu/kernels/lora-linear.ts'
import { normScratch } from '../gpu/kernels/norm-weight-gradient.ts'
import { createRopeTable } from '../gpu/kernels/rope.ts'
import { createClear } from '../gpu/kernels/scale.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import { createSubmitter } from '../gpu/submit.ts'
import { destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { createWeights } from '../model/weights.ts'
import { submitCommands } from './commands.ts'
import { loadTrainingEmbedding } from './embedding.ts'
import { loadGptTrainingBlock } from './gpt-block.ts'
import { loadTrainingHead } from './head.ts'
import { loadLlamaTrainingBlock } from './llama-block.ts'
import { createLoraSource, type LoraTraining } from './lora-source.ts'
import { createParameters, type Parameters } from './parameters.ts'
import type { Command, TrainingBlock, TrainingScope } from './scope.ts'
import { frozenWeights, trainedWeights } from './training-weights.ts'
import { createWorkingBuffers } from './working-buffers.ts'

/** An adapter over frozen weights, or every weight of a model that is not quantised. */
export type Trained = ({ readonly kind: 'lora' } & LoraTraining) | { readonly kind: 'full' }

export interface TrainingGraph {
  readonly parameters: Parameters
  /** Sets every gradient to zero. */
  clearGradients(): void
  /** Adds the batch's gradients, and returns the sum of its losses in nats, unscaled. */
  accumulate(batch: Batch, draw: { seed: number; step: number; microBatch: number }): Promise<number>
  /** The sum of the batch's losses. Nothing is dropped out, no gradient taken. */
  evaluate(batch: Batch): Promise<number>
  /** GPU bytes: weights, parameters with gradients and moments, and what a micro-batch passes through. */
  readonly bytes: number
  dispose(): void
}

export interface TrainingGraphOptions {
  readonly profile: KernelProfile
  readonly trained: Trained
  /** Columns (tokens) of a micro-batch, at most. */
  readonly columns: number
  /** Of logits held at once: the widest thing in training. */
  readonly logitBytes?: number
  readonly onProgress?: (doneBytes: number) => void
  readonly signal?: AbortSignal
}

const LOGIT_BYTES = 64 * 1024 * 1024

/** Throws `GPU_OUT_OF_MEMORY`, `MODEL_UNSUPPORTED`, `CANCELLED`; nothing stays allocated then. */
export async function createTrainingGraph(
  gpu: GpuContext,
  model: OpenedModel,
  options: TrainingGraphOptions,
): Promise<TrainingGraph> {
  const { profile, trained, columns, logitBytes = LOGIT_BYTES, onProgress, signal } = options
  const { config } = model
  const owned: { dispose(): void }[] = []
  const own = <T extends { dispose(): void }>(made: T): T => {
    owned.push(made)
    return made
  }
  const dispose = () => {
    for (const part of owned.splice(0).reverse()) part.dispose()
  }
  try {
    const parameters = own(createParameters(gpu))
    const loaded = own(
      createWeights(gpu, model, { ...(signal && { signal }), ...(onProgress && { onBytes: onProgress }) }),
    )
    const dropout = trained.kind === 'lora' && trained.dropout > 0
    const batch = own(await createBatchBuffers(gpu, columns))
    const scratch = scratchElements(model, trained, columns)
    const buffers = own(await createWorkingBuffers(gpu, config, { columns, scratch, dropout }))
    const draw = own(await createDrawBuffer(gpu))
    const lora =
      trained.kind === 'lora' ? own(await createLoraSource(gpu, config, parameters, trained, columns)) : undefined
    const weights = trained.kind === 'full' ? trainedWeights(model, parameters) : frozenWeights(loaded)
    const parts = { gpu, profile, config, weights, batch, buffers, draw, columns, logitBytes }
    const scope: TrainingScope = { ...parts, ...(lora && { lora }) }
    const embedding = await loadTrainingEmbedding(scope)
    const blocks = await loadBlocks(scope, own)
    const head = own(await loadTrainingHead(scope))
    const submitter = own(createSubmitter(gpu))
    const clear = await createClear(gpu)
    const clears = parameters.list.map(({ gradient }) => clear.dispatch({ data: gradient }))

    const streamOf = (index: number) => buffers.residuals[index] as Tensor
    // Nothing below the first adapted layer is trained, so its own input needs no gradient.
    const wholeWay = weights.trained
    const passes = {
      train: blocks.map((block, layer) => block.forward('train', streamOf(layer), streamOf(layer + 1))),
      evaluate: blocks.map((block, layer) => block.forward('evaluate', streamOf(layer), streamOf(layer + 1))),
      backward: blocks.map((block, layer) => block.backward(streamOf(layer), layer === 0 && !wholeWay)),
    }

    /** A submit for each layer: a driver must not see one that takes seconds. */
    const submitAll = (lists: readonly (readonly Command[])[]) => {
      for (const list of lists) if (list.length > 0) submitCommands(gpu, list)
    }
    async function readLosses(count: number): Promise<number> {
      const [bytes] = await submitter.run([], [{ buffer: head.losses.buffer, bytes: count * 4 }])
      const losses = new Float32Array(bytes ?? new ArrayBuffer(0))
      const sum = losses.reduce((total, loss) => total + loss, 0)
      if (losses.length === count && Number.isFinite(sum)) return sum
      throw new CentramError(
        'GPU_FAILED',
        'The loss is no longer a number. Start again with a lower learning rate, or turn on gradient clipping.',
      )
    }
    const write = (next: Batch) => {
      const unknown = next.tokens.find((token) => token >= config.vocabularySize)
      if (unknown !== undefined) {
        throw new CentramError('BAD_ARGUMENT', `Token ${unknown} is not in the vocabulary of ${config.vocabularySize}.`)
      }
      batch.write(next)
      head.write(next)
    }

    return {
      parameters,
      clearGradients: () => submitCommands(gpu, clears),
      accumulate(next, masks) {
        write(next)
        draw.write(masks)
        submitAll([embedding.forward, ...passes.train, head.train])
        submitAll([...passes.backward.toReversed(), embedding.backward])
        return readLosses(next.tokens.length)
      },
      evaluate(next) {
        write(next)
        submitAll([embedding.forward, ...passes.evaluate, head.evaluate])
        return readLosses(next.tokens.length)
      },
      get bytes() {
        return loaded.bytes + parameters.bytes + batch.bytes + buffers.bytes + (lora?.bytes ?? 0) + head.bytes
      },
      dispose,
    }
  } catch (error) {
    dispose()
    throw error
  }
}

async function loadBlocks(
  scope: TrainingScope,
  own: <T extends { dispose(): void }>(made: T) => T,
): Promise<TrainingBlock[]> {
  const { gpu, config, columns } = scope
  const table = config.rope && (await createRopeTable(gpu, config.rope, columns))
  if (table) own({ dispose: () => destroyTensor(gpu, table) })
  const blocks: TrainingBlock[] = []
  for (let layer = 0; layer < config.layers; layer++) {
    blocks.push(table ? await loadLlamaTrainingBlock(scope, layer, table) : await loadGptTrainingBlock(scope, layer))
  }
  return blocks
}

/** The most that any sum in two stages takes. */
function scratchElements({ config, tensors }: OpenedModel, trained: Trained, columns: number): number {
  const { width, ffnWidth, heads, kvHeads, headDim } = config
  const sizes = [...new Set([width, ffnWidth, heads * headDim, kvHeads * headDim])]
  if (trained.kind === 'lora') {
    const { rank } = trained.adapter.lora
    return Math.max(...sizes.map((size) => loraScratch({ width: size, rank, outputs: sizes, columns, scale: 1 })))
  }
  const matrices = [...tensors.values()].filter(({ shape }) => shape.length === 2)
  return Math.max(
    ...matrices.map(({ shape: [rows = 0, inner = 0] }) => weightGradientScratch({ rows, width: inner, columns })),
    // A fused matrix is trained in parts.
    ...sizes.flatMap((rows) => sizes.map((inner) => weightGradientScratch({ rows, width: inner, columns }))),
    ...sizes.map((size) => columnSumScratch({ width: size, columns })),
    normScratch({ width, columns }),
    normScratch({ width: headDim, heads, columns }),
  )
}
