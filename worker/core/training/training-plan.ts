// What a training run follows from, besides its model and its data: two runs of one plan give the same bits.

import { CentramError } from '#core/errors.ts'
import type { LearningRateSchedule } from '#core/training/learning-rate.ts'

export interface TrainingPlan {
  readonly seed: number
  readonly schedule: LearningRateSchedule
  /** Sequences of an optimiser step. */
  readonly batchSize: number
  /** Tokens that pass through the GPU at once, at most; a batch takes as many passes as it needs. */
  readonly columns: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** Largest joint norm of the gradients; 0 leaves them. */
  readonly clipNorm: number
}

/** For an adapter; a model trained whole wants a smaller peak. */
export const DEFAULT_PLAN: TrainingPlan = {
  seed: 0,
  schedule: { peak: 1e-3, final: 1e-5, warmUpSteps: 10, steps: 200 },
  batchSize: 8,
  columns: 512,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  clipNorm: 1,
}

/** Throws `BAD_ARGUMENT` naming the first value that makes no sense. */
export function checkTrainingPlan(plan: TrainingPlan): void {
  const { schedule, batchSize, columns, beta1, beta2, epsilon, weightDecay, clipNorm, seed } = plan
  const { peak, final, warmUpSteps, steps } = schedule
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least
  const problem = !whole(seed, 0)
    ? `a seed of ${seed}`
    : !whole(steps, 1)
      ? `${steps} steps`
      : !whole(warmUpSteps, 0) || warmUpSteps > steps
        ? `a warm-up of ${warmUpSteps} of ${steps} steps`
        : !(peak > 0 && peak <= 1 && final >= 0 && final <= peak)
          ? `a learning rate from ${peak} to ${final}`
          : !whole(batchSize, 1)
            ? `a batch of ${batchSize}`
            : !whole(columns, 2)
              ? `${columns} tokens at once`
              : !(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0)
                ? `betas of ${beta1} and ${beta2} and an epsilon of ${epsilon}`
                : !(weightDecay >= 0 && weightDecay < 1)
                  ? `a weight decay of ${weightDecay}`
                  : !(clipNorm >= 0)
                    ? `a gradient norm of ${clipNorm}`
                    : undefined
  if (problem !== undefined) throw new CentramError('BAD_ARGUMENT', `Training cannot run with ${problem}.`)
}
