// The final norm, the logits and their loss, and the gradient back to the residual stream. Logits are the widest thing in
// training, so they are taken for a stretch of columns at a time.

import type { Batch } from '../gpu/batch-buffers.ts'
import { createCrossEntropy } from '../gpu/kernels/cross-entropy.ts'
import { createStepBuffer, type StepBuffer } from '../gpu/step-buffer.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { headMatrixName } from '../model/shard-tensors.ts'
import { createTrainingLinear } from './linear.ts'
import { loadTrainingNorm } from './norm.ts'
import type { Command, TrainingScope } from './scope.ts'

export interface TrainingHead {
  /** `[columns]`, 0 where there is no target. */
  readonly losses: Tensor
  /** Leaves the losses. */
  readonly evaluate: readonly Command[]
  /** Leaves the losses, and the residual gradient of the last layer's output. */
  readonly train: readonly Command[]
  /** What of the batch the stretches need to know. */
  write(batch: Batch): void
  readonly bytes: number
  dispose(): void
}

interface Stretch {
  readonly first: number
  readonly columns: number
  readonly step: StepBuffer
  readonly targets: GPUBuffer
}

export async function loadTrainingHead(scope: TrainingScope): Promise<TrainingHead> {
  const { gpu, profile, config, columns, batch, buffers, weights } = scope
  const { width, vocabularySize: vocabulary, family, layers } = config
  const atOnce = Math.min(
    columns,
    Math.max(8, Math.floor(Math.min(scope.logitBytes, gpu.info.maxBindingBytes) / (vocabulary * 4))),
  )
  const owned: Tensor[] = []
  const create = async (label: string, elements: number) => {
    const tensor = await createTensor(gpu, label, elements)
    owned.push(tensor)
    return tensor
  }
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
  const stretches: Stretch[] = []
  for (let first = 0; first < columns; first += atOnce) {
    const count = Math.min(atOnce, columns - first)
    stretches.push({
      first,
      columns: count,
      step: await createStepBuffer(gpu, 1),
      targets: await gpu.allocate('targets of a stretch', count * 4, usage),
    })
  }
  const logits = await create('logits', atOnce * vocabulary)
  const losses = await create('losses', columns)
  const stretchLosses = await create('losses of a stretch', atOnce)
  const stretchInput = await create('normed stretch', atOnce * width)
  const stretchGradient = await create('normed gradient of a stretch', atOnce * width)

  const norm = await loadTrainingNorm(scope, family === 'gpt2' ? 'layer' : 'rms', 'output_norm')
  const matrices = await weights.matrices(headMatrixName(config))
  const hidden = buffers.residuals[layers] as Tensor
  const normed = buffers.attentionInput

  async function plan(gradient: boolean): Promise<Command[]> {
    const list: Command[] = [norm.forward(hidden, normed)]
    for (const { first, columns: count, step, targets } of stretches) {
      const part = { ...scope, columns: count, batch: { ...batch, step } }
      const projection = await createTrainingLinear(part, matrices)
      const loss = await createCrossEntropy(gpu, profile, { vocabulary, columns: count, gradient })
      const { lossScale: scale } = batch
      list.push(
        { from: normed, fromOffset: first * width, to: stretchInput, elements: count * width },
        ...projection.forward('evaluate', stretchInput, [logits]),
        loss.dispatch({ step, targets, scale, logits, losses: stretchLosses }),
        { from: stretchLosses, to: losses, toOffset: first, elements: count },
      )
      if (!gradient) continue
      list.push(...projection.backward(stretchInput, [logits], stretchGradient), {
        from: stretchGradient,
        to: buffers.normedGradient,
        toOffset: first * width,
        elements: count * width,
      })
    }
    if (!gradient) return list
    return [...list, ...norm.backward(hidden, buffers.normedGradient, buffers.residualGradient, 'overwrite')]
  }

  return {
    losses,
    evaluate: await plan(false),
    train: await plan(true),
    write({ targets }) {
      for (const stretch of stretches) {
        const own = targets.slice(stretch.first, stretch.first + stretch.columns)
        stretch.step.write({ position: 0, columns: own.length })
        if (own.length > 0) gpu.device.queue.writeBuffer(stretch.targets, 0, own)
      }
    },
    get bytes() {
      return owned.reduce((sum, { bytes }) => sum + bytes, 0)
    },
    dispose() {
      for (const tensor of owned.splice(0)) destroyTensor(gpu, tensor)
      for (const { step, targets } of stretches.splice(0)) {
        step.dispose()
        gpu.release(targets)
      }
    },
  }
}
