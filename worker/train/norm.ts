// A norm in training: RMS or layer norm of columns, or the RMS norm of every head.

import { CentramError } from '#core/errors.ts'
import type { Dispatch } from '../gpu/dispatch.ts'
import { createColumnSum } from '../gpu/kernels/column-sum.ts'
import { createLayerNorm } from '../gpu/kernels/layer-norm.ts'
import { createLayerNormBackward, createRmsNormBackward } from '../gpu/kernels/norm-backward.ts'
import { createNormWeightGradient } from '../gpu/kernels/norm-weight-gradient.ts'
import { createRmsNorm } from '../gpu/kernels/rms-norm.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { TrainingScope } from './scope.ts'

export interface TrainingNorm {
  forward(input: Tensor, output: Tensor): Dispatch
  /** Writes the gradient of `input`, or adds to it; and takes those of weight and bias where they are trained. */
  backward(input: Tensor, outputGradient: Tensor, inputGradient: Tensor, how: 'overwrite' | 'add'): Dispatch[]
}

export async function loadTrainingNorm(
  scope: TrainingScope,
  kind: 'layer' | 'rms',
  name: string,
  heads?: number,
): Promise<TrainingNorm> {
  const { gpu, profile, config, weights, columns, batch, buffers } = scope
  const { step } = batch
  const { normStats: stats, scratch } = buffers
  const width = heads === undefined ? config.width : config.headDim
  const shape = { width, epsilon: config.normEpsilon, columns, ...(heads !== undefined && { heads }) }
  const [weight] = await weights.vectors(`${name}.weight`)
  const [bias] = kind === 'layer' ? await weights.vectors(`${name}.bias`) : []
  if (!weight) throw new CentramError('INTERNAL', `${name} has no weight.`)
  const createBackward = kind === 'layer' ? createLayerNormBackward : createRmsNormBackward
  const [overwrite, add] = await Promise.all([
    createBackward(gpu, profile, shape),
    createBackward(gpu, profile, { ...shape, accumulate: true }),
  ])
  const rms = kind === 'rms' ? await createRmsNorm(gpu, profile, shape) : undefined
  const layer = kind === 'layer' ? await createLayerNorm(gpu, profile, shape) : undefined
  const weightSum = weight.gradient && (await createNormWeightGradient(gpu, { ...shape, accumulate: true }))
  const biasSum = bias?.gradient && (await createColumnSum(gpu, { width, columns, accumulate: true }))

  return {
    forward(input, output) {
      if (layer && bias) return layer.dispatch({ step, input, weight: weight.tensor, bias: bias.tensor, output })
      if (!rms) throw new CentramError('INTERNAL', `${name} has no bias.`)
      return rms.dispatch({ step, input, weight: weight.tensor, output })
    },
    backward(input, outputGradient, inputGradient, how) {
      const kernel = how === 'add' ? add : overwrite
      const list = [kernel.dispatch({ step, input, weight: weight.tensor, outputGradient, inputGradient, stats })]
      if (weight.gradient && weightSum) {
        const sums = { stats, weightGradient: weight.gradient, scratch }
        list.push(...weightSum.dispatch({ step, input, outputGradient, ...sums }))
      }
      if (bias?.gradient && biasSum) {
        list.push(...biasSum.dispatch({ step, data: outputGradient, sum: bias.gradient, scratch }))
      }
      return list
    },
  }
}
