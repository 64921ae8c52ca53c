// What a training run was asked for and how far it is: everything that is kept of it besides its text and its checkpoints.

import type { ErrorCode } from '#core/errors.ts'
import { CentramError } from '#core/errors.ts'
import type { PrivateTerms } from '#core/training/private-account.ts'
import { DEFAULT_PLAN, checkTrainingPlan, type TrainingPlan } from '#core/training/training-plan.ts'
import type { LoraRequest, LossPoint, PrivacyRequest, TrainingRequest } from './lab-api.ts'

/** Of a run that has begun. Its bits follow from these, its model and its text. */
export interface RunSettings {
  readonly modelId: string
  readonly modelTitle: string
  readonly fingerprint: string
  readonly name: string
  readonly licence: string
  readonly lora: LoraRequest
  readonly plan: TrainingPlan
  readonly sequenceLength: number
  readonly heldOutFraction: number
  /** Kernel shapes, as text. */
  readonly profile: string
  /** Null where nothing is promised. */
  readonly privacy: PrivateTerms | null
  readonly dataHash: string
}

export interface RunProgress {
  readonly step: number
  /** That passed through the model. */
  readonly tokens: number
  readonly losses: readonly LossPoint[]
  readonly heldOutLosses: readonly LossPoint[]
  /** Spent so far; 0 where nothing is promised. */
  readonly epsilon: number
}

/** Why a run is stopped whose adapter will be kept as it is. */
export const KEEP = 'keep'

export const NO_PROGRESS: RunProgress = { step: 0, tokens: 0, losses: [], heldOutLosses: [], epsilon: 0 }

export interface RunAbout {
  readonly version: 1
  readonly createdAt: number
  readonly settings: RunSettings
  readonly progress: RunProgress
  readonly ended: boolean
  readonly genomeId: string | null
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}

/** Whether a stored value is of this version: written whole, since a record is. */
export function isRunAbout(value: unknown): value is RunAbout {
  return typeof value === 'object' && value !== null && (value as Partial<RunAbout>).version === 1
}

/** Throws `BAD_ARGUMENT` naming what cannot be. */
export function planTraining(request: TrainingRequest, columns: number, steps: number): TrainingPlan {
  const { learningRate, batchSize, seed } = request
  const plan: TrainingPlan = {
    ...DEFAULT_PLAN,
    seed,
    batchSize,
    columns,
    schedule: {
      peak: learningRate,
      final: learningRate / 100,
      warmUpSteps: Math.min(steps, Math.max(1, Math.round(steps / 20))),
      steps,
    },
  }
  checkTrainingPlan(plan)
  return plan
}

/** `examples` are the documents that take part. Throws `BAD_ARGUMENT`. */
export function termsOf(privacy: PrivacyRequest, batchSize: number, examples: number): PrivateTerms {
  const { noiseMultiplier, clipNorm, delta, budget } = privacy
  if (!(noiseMultiplier > 0 && Number.isFinite(noiseMultiplier) && clipNorm > 0 && Number.isFinite(clipNorm))) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Private training cannot run with noise of ${noiseMultiplier} and gradients clipped to ${clipNorm}: both must be positive.`,
    )
  }
  return { sampleRate: Math.min(1, batchSize / examples), noiseMultiplier, clipNorm, delta, budget }
}
