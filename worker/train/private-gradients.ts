// DP-SGD: every example is drawn by itself with a fixed probability, its own gradient is clipped to a norm, and Gaussian
// noise is added to the sum. Abadi et al., "Deep learning with differential privacy" (2016).

import { CentramError } from '#core/errors.ts'
import { joinSequences } from '#core/training/micro-batches.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { drawGaussians, drawPoissonSample, type SecureRandom } from '#core/training/secure-gaussian.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createAddScaled, createClear } from '../gpu/kernels/scale.ts'
import { createSubmitter } from '../gpu/submit.ts'
import { createTensor, createTensorFrom, destroyTensor, writeTensor, type Tensor } from '../gpu/tensor.ts'
import type { Optimiser } from './optimiser.ts'
import type { Parameter } from './parameters.ts'
import type { TrainingGraph } from './training-graph.ts'

/** Each sequence is one example, the unit of protection: pack with `oneDocumentEach`. */
export interface PrivateSampling {
  /** Probability that an example takes part in a step. */
  readonly sampleRate: number
  /** Standard deviation of the noise in units of `clipNorm`. */
  readonly noiseMultiplier: number
  /** Norm that an example's gradient is clipped to. */
  readonly clipNorm: number
  readonly random: SecureRandom
}

interface Gathered {
  readonly loss: number
  readonly gradientNorm: number
  readonly tokens: number
  readonly counted: number
}

export interface PrivateGradients {
  /** Leaves in the gradients the noisy sum over the expected number of examples. */
  gather(
    stop: AbortSignal | undefined,
    train: readonly PackedSequence[],
    plan: TrainingPlan,
    step: number,
    graph: Pick<TrainingGraph, 'clearGradients' | 'accumulate'>,
  ): Promise<Gathered>
  dispose(): void
}

export async function createPrivateGradients(
  gpu: GpuContext,
  parameters: readonly Parameter[],
  optimiser: Optimiser,
  { sampleRate, noiseMultiplier, clipNorm, random }: PrivateSampling,
  examples: number,
): Promise<PrivateGradients> {
  if (!(sampleRate > 0 && sampleRate <= 1 && noiseMultiplier > 0 && clipNorm > 0 && Number.isFinite(clipNorm))) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Private training cannot run with a sample rate of ${sampleRate}, noise of ${noiseMultiplier} and a norm of ${clipNorm}.`,
    )
  }
  const sums: Tensor[] = []
  for (const { name, gradient } of parameters) {
    sums.push(await createTensor(gpu, `${name} clipped sum`, gradient.elements))
  }
  // The expected number, not the number drawn: that would tell something of who was drawn.
  const mean = await createTensorFrom(gpu, 'one over examples', Float32Array.of(1 / (sampleRate * examples)))
  const submitter = createSubmitter(gpu)
  const clear = await createClear(gpu)
  const addScaled = await createAddScaled(gpu)
  const overwrite = await createAddScaled(gpu, { keep: false })
  const pairs = parameters.map(({ gradient }, index) => ({ gradient, sum: sums[index] as Tensor }))
  const one = await createTensorFrom(gpu, 'noise factor', Float32Array.of(1))
  const lists = {
    clear: pairs.map(({ sum }) => clear.dispatch({ data: sum })),
    addClipped: pairs.map(({ gradient, sum }) => addScaled.dispatch({ factor: optimiser.factor, term: gradient, sum })),
    // The gradients hold noise by then.
    addNoise: pairs.map(({ gradient, sum }) => addScaled.dispatch({ factor: one, term: gradient, sum })),
    finish: pairs.map(({ gradient, sum }) => overwrite.dispatch({ factor: mean, term: sum, sum: gradient })),
  }

  return {
    async gather(stop, train, plan, step, graph) {
      // A draw that was seen and thrown away would be one that never entered the account: so it ends before or not at all.
      if (stop?.aborted) throw new CentramError('CANCELLED', 'Training was paused.', { cause: stop.reason })
      const chosen = drawPoissonSample(train.length, sampleRate, random)
      let loss = 0
      let counted = 0
      let tokens = 0
      void submitter.run(lists.clear)
      for (const [microBatch, index] of chosen.entries()) {
        const [micro] = joinSequences([train[index] as PackedSequence], plan.columns)
        if (!micro) continue
        graph.clearGradients()
        loss += await graph.accumulate(
          { ...micro, lossScale: 1 / micro.counted },
          { seed: plan.seed, step, microBatch },
        )
        await optimiser.measure(clipNorm)
        void submitter.run(lists.addClipped)
        counted += micro.counted
        tokens += micro.tokens.length
      }
      for (const { elements, gradient, pack } of parameters) {
        const noise = drawGaussians(elements, random)
        writeTensor(gpu, gradient, pack(Float32Array.from(noise, (value) => value * noiseMultiplier * clipNorm)))
      }
      void submitter.run([...lists.addNoise, ...lists.finish])
      return { loss: loss / counted, gradientNorm: await optimiser.measure(0), tokens, counted }
    },
    dispose() {
      for (const tensor of [...sums, mean, one]) destroyTensor(gpu, tensor)
      submitter.dispose()
    },
  }
}
