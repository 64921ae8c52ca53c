// A linear layer in training: `outputs[i] (+)= W[i] · input + bias[i]`, with what the adapter adds, and the gradients of
// whatever is trained. Several outputs are the parts of a fused projection.

import type { Dispatch } from '../gpu/dispatch.ts'
import { createColumnSum } from '../gpu/kernels/column-sum.ts'
import { createGemm } from '../gpu/kernels/gemm.ts'
import { createLinearInputGradient } from '../gpu/kernels/linear-input-gradient.ts'
import { createLinearWeightGradient } from '../gpu/kernels/linear-weight-gradient.ts'
import { createLoraLinear, type LoraLinear } from '../gpu/kernels/lora-linear.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { LoraModule } from './lora-source.ts'
import type { ForwardMode, TrainingScope } from './scope.ts'
import type { TrainingMatrix, TrainingVector } from './training-weights.ts'

export interface TrainingLinear {
  forward(mode: ForwardMode, input: Tensor, outputs: readonly Tensor[], how?: 'overwrite' | 'add'): Dispatch[]
  /** The part of the training forward that only the gradients need, where the outputs themselves are not. */
  prepare(input: Tensor): Dispatch[]
  /** Takes the gradients of what is trained, and writes or adds that of the input where it is asked for. */
  backward(
    input: Tensor,
    outputGradients: readonly Tensor[],
    inputGradient?: Tensor,
    how?: 'overwrite' | 'add',
  ): Dispatch[]
}

/** @param rows of each part; absent for a linear that is not fused. */
export async function loadTrainingLinear(
  scope: TrainingScope,
  name: string,
  rows?: readonly number[],
): Promise<TrainingLinear> {
  const { weights, lora } = scope
  const matrices = await weights.matrices(`${name}.weight`, rows)
  const counts = matrices.map(({ matrix }) => matrix.rows)
  const biases = weights.has(`${name}.bias`) ? await weights.vectors(`${name}.bias`, rows) : []
  const module = await lora?.module(name, counts)
  return createTrainingLinear(scope, matrices, biases, module)
}

export async function createTrainingLinear(
  scope: TrainingScope,
  matrices: readonly TrainingMatrix[],
  biases: readonly TrainingVector[] = [],
  module?: LoraModule,
): Promise<TrainingLinear> {
  const { gpu, profile, columns, batch, buffers, draw, lora } = scope
  const { step } = batch
  const width = matrices[0]?.matrix.columns ?? 0
  const parts = await Promise.all(matrices.map((matrix, index) => createPart(scope, matrix, biases[index])))

  let loras: Record<ForwardMode, LoraLinear> | undefined
  if (module && lora) {
    const { rank, scale, dropout: rate } = lora
    const shape = { width, rank, scale, columns, outputs: matrices.map(({ matrix }) => matrix.rows) }
    const evaluate = await createLoraLinear(gpu, profile, shape)
    const dropout = { rate, stream: module.stream }
    loras = { evaluate, train: rate > 0 ? await createLoraLinear(gpu, profile, { ...shape, dropout }) : evaluate }
  }
  const shared = { step, draw, dropped: buffers.dropped }

  return {
    forward(mode, input, outputs, how = 'overwrite') {
      const list = parts.flatMap((part, index) => part.forward(input, outputs[index] as Tensor, how))
      if (!loras || !module) return list
      const { a, b, low } = module
      return [...list, ...loras[mode].forward({ ...shared, a, b, low, input, outputs })]
    },
    prepare(input) {
      if (!loras || !module) return []
      const { a, low } = module
      return loras.train.forward({ ...shared, a, b: [], low, input, outputs: [] })
    },
    backward(input, outputGradients, inputGradient, how = 'overwrite') {
      const list = parts.flatMap((part, index) => {
        const outputGradient = outputGradients[index] as Tensor
        return part.backward(input, outputGradient, inputGradient, index === 0 ? how : 'add')
      })
      if (!loras || !module || !lora) return list
      const { a, b, low, aGradient, bGradients } = module
      return [
        ...list,
        ...loras.train.backward({
          ...shared,
          a,
          b,
          low,
          input,
          outputGradients,
          lowGradient: lora.lowGradient,
          bGradients,
          ...(aGradient && { aGradient }),
          ...(inputGradient && { inputGradient }),
          scratch: buffers.scratch,
        }),
      ]
    },
  }
}

/** One weight matrix with its bias. */
async function createPart(scope: TrainingScope, { matrix, trained }: TrainingMatrix, bias?: TrainingVector) {
  const { gpu, profile, columns, batch, buffers } = scope
  const { step } = batch
  const { scratch } = buffers
  const { dtype, rows, columns: width } = matrix
  const shape = { dtype, columns, bias: bias !== undefined }
  const [overwrite, add, toInput, addToInput] = await Promise.all([
    createGemm(gpu, profile, shape),
    createGemm(gpu, profile, { ...shape, accumulate: true }),
    createLinearInputGradient(gpu, profile, { dtype, columns }),
    createLinearInputGradient(gpu, profile, { dtype, columns, accumulate: true }),
  ])
  const weightSum =
    trained && (await createLinearWeightGradient(gpu, profile, { rows, width, columns, accumulate: true }))
  const biasSum = bias?.gradient && (await createColumnSum(gpu, { width: rows, columns, accumulate: true }))

  return {
    forward(input: Tensor, output: Tensor, how: 'overwrite' | 'add'): Dispatch[] {
      const kernel = how === 'add' ? add : overwrite
      return kernel.dispatch({ step, matrix, input, output, ...(bias && { bias: bias.tensor }) })
    },
    backward(
      input: Tensor,
      outputGradient: Tensor,
      inputGradient: Tensor | undefined,
      how: 'overwrite' | 'add',
    ): Dispatch[] {
      const list: Dispatch[] = []
      if (trained && weightSum) {
        const { weight, gradient } = trained
        const tensors = { input, outputGradient, weightGradient: gradient, scratch }
        list.push(...weightSum.dispatch({ step, matrix: weight, ...tensors }))
      }
      if (bias?.gradient && biasSum) {
        list.push(...biasSum.dispatch({ step, data: outputGradient, sum: bias.gradient, scratch }))
      }
      if (inputGradient) {
        const kernel = how === 'add' ? addToInput : toInput
        list.push(...kernel.dispatch({ step, matrix, outputGradient, inputGradient }))
      }
      return list
    },
  }
}
