// What the training form holds, what it begins with for each model, and the request it becomes.

import type { ModelConfig } from '#core/formats/model-config.ts'
import { checkLoraConfig, targetsOf } from '#core/genome/lora-config.ts'
import { errorMessage } from '#core/errors.ts'
import { trainingWords } from './words/training.ts'
import type { LoraRequest, PrivacyRequest, TrainingRequest } from '../../../worker/node/lab-api.ts'

type RunSetting = 'steps' | 'batchSize' | 'sequenceLength' | 'learningRate' | 'heldOutFraction' | 'seed' | 'licence'

export interface TrainingValues extends LoraRequest, Pick<TrainingRequest, RunSetting> {
  /** Null where the run is not private. */
  readonly privacy: PrivacyRequest | null
}

export const DEFAULT_LICENCE = 'LicenseRef-all-rights-reserved'
export const LICENCES = [DEFAULT_LICENCE, 'CC0-1.0', 'CC-BY-4.0', 'CC-BY-SA-4.0', 'Apache-2.0', 'MIT', 'AGPL-3.0-only']

/** Noise that costs little of a small text's budget and still lets something be learnt. */
export const DEFAULT_PRIVACY: PrivacyRequest = { noiseMultiplier: 1, clipNorm: 0.5, delta: 1e-5, budget: 8 }

/** Widths up to which a model is tiny, and small; wider ones take smaller steps. */
const TINY_WIDTH = 256
const SMALL_WIDTH = 1024
const SEQUENCE = 256

/** Small adapters want large steps, and the less so the larger the model is. */
export function defaultValues(config: ModelConfig): TrainingValues {
  const { width } = config
  const tiny = width <= TINY_WIDTH
  return {
    targets: targetsOf(config.family),
    rank: 8,
    alpha: 16,
    rankStabilised: false,
    dropout: 0,
    freezeA: false,
    steps: tiny ? 200 : 100,
    batchSize: tiny ? 8 : 4,
    sequenceLength: Math.min(SEQUENCE, config.contextLength),
    learningRate: tiny ? 2e-3 : width <= SMALL_WIDTH ? 5e-4 : 2e-4,
    heldOutFraction: 0.1,
    seed: 0,
    licence: DEFAULT_LICENCE,
    privacy: null,
  }
}

/** After so many passes a small text is mostly learnt by heart, and the held-out loss rises again. */
const PASSES = 5
const FEWEST_STEPS = 20

/** Steps for a text of so many sequences: no more than the model's own default. */
export function stepsFor(config: ModelConfig, { batchSize }: TrainingValues, sequences: number): number {
  const wanted = Math.round((sequences * PASSES) / Math.max(1, batchSize))
  return Math.min(defaultValues(config).steps, Math.max(FEWEST_STEPS, wanted))
}

/** Fields of the form that can be wrong by themselves. */
export type ProblemField =
  | 'lora'
  | 'dropout'
  | 'steps'
  | 'batchSize'
  | 'sequenceLength'
  | 'learningRate'
  | 'heldOutFraction'
  | 'seed'
  | 'licence'
  | 'noiseMultiplier'
  | 'clipNorm'
  | 'delta'
  | 'budget'

export type TrainingProblems = Partial<Readonly<Record<ProblemField, string>>>

/** What can be said before the node is asked, each beside its own field. */
export function findProblems(config: ModelConfig, values: TrainingValues): TrainingProblems {
  const problems: Partial<Record<ProblemField, string>> = {}
  const words = trainingWords().problems
  const demand = (field: ProblemField, right: boolean, problem: string) => {
    if (!right) problems[field] = problem
  }
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least
  try {
    checkLoraConfig(config, values)
  } catch (error) {
    problems.lora = errorMessage(error)
  }
  demand('dropout', values.dropout >= 0 && values.dropout < 1, words.below1)
  demand('steps', whole(values.steps, 1), words.from1)
  demand('batchSize', whole(values.batchSize, 1), words.from1)
  demand(
    'sequenceLength',
    whole(values.sequenceLength, 2) && values.sequenceLength <= config.contextLength,
    words.length(config.contextLength),
  )
  demand('learningRate', values.learningRate > 0 && values.learningRate <= 1, words.atMost1)
  demand('heldOutFraction', values.heldOutFraction >= 0 && values.heldOutFraction <= 0.5, words.toHalf)
  demand('seed', whole(values.seed, 0), words.from0)
  demand('licence', values.licence.trim() !== '', words.licence)
  if (values.privacy) {
    const { noiseMultiplier, clipNorm, delta, budget } = values.privacy
    demand('noiseMultiplier', noiseMultiplier > 0, words.above0)
    demand('clipNorm', clipNorm > 0, words.above0)
    demand('delta', delta > 0 && delta < 1, words.delta)
    demand('budget', budget > 0, words.above0)
  }
  return problems
}

export function trainingRequest(
  modelId: string,
  name: string,
  files: readonly File[],
  { privacy, ...values }: TrainingValues,
): TrainingRequest {
  const { targets, rank, alpha, rankStabilised, dropout, freezeA, ...rest } = values
  return {
    ...rest,
    modelId,
    name: name.trim(),
    files,
    names: files.map((file) => file.name),
    lora: { targets, rank, alpha, rankStabilised, dropout, freezeA },
    licence: values.licence.trim(),
    ...(privacy && { privacy }),
  }
}

/** What a genome of these files is called unless its maker knows better. */
export function nameFor(files: readonly File[]): string {
  const [first] = files
  if (!first) return ''
  const name = first.name.replace(/\.[^.]+$/, '') || first.name
  return files.length === 1 ? name : `${name} and ${files.length - 1} more`
}
