// From a person's request to what a run learns from: the files read once, checked, and turned into sequences.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { adapterTensorBytes } from '#core/genome/peft-adapter.ts'
import { checkLoraConfig, parameterCount, targetShape, type LoraConfig } from '#core/genome/lora-config.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { affordableSteps, checkPrivateTerms, type PrivateTerms } from '#core/training/private-account.ts'
import { prepareTrainingData, type TrainingData } from '#core/training/training-data.ts'
import { checkTrainingSizes, type TrainingFile } from '#core/training/training-files.ts'
import { checkLabels } from './check-labels.ts'
import type { LoraRequest, TrainingPreview, TrainingRequest } from './lab-api.ts'
import { planTraining, termsOf } from './run-settings.ts'

export interface TrainingText {
  readonly files: readonly TrainingFile[]
  readonly data: TrainingData
  readonly terms: PrivateTerms | null
}

/** What a preview looks ahead to, at most. */
const FAR_STEPS = 1_000_000

/** Throws `BAD_ARGUMENT`, or naming file and line, for a request that cannot be trained on. */
export async function readTrainingText(model: OpenedModel, request: TrainingRequest): Promise<TrainingText> {
  const { files, names, lora, batchSize, sequenceLength, steps, privacy } = request
  checkLabels(request)
  checkLoraConfig(model.config, loraConfigOf(lora))
  if (!(lora.dropout >= 0 && lora.dropout < 1)) {
    throw new CentramError('BAD_ARGUMENT', `A dropout of ${lora.dropout} is not between 0 and 1.`)
  }
  if (!Number.isInteger(sequenceLength) || sequenceLength < 2) {
    throw new CentramError('BAD_ARGUMENT', `Sequences of ${sequenceLength} tokens cannot be trained on.`)
  }
  planTraining(request, sequenceLength, steps)
  if (files.length === 0 || files.length !== names.length) {
    throw new CentramError('BAD_ARGUMENT', 'Choose a text to learn from: .txt, .md or .jsonl files.')
  }
  checkTrainingSizes(files.map(({ size }, index) => ({ name: names[index]!, size })))
  const read: TrainingFile[] = []
  for (const [index, file] of files.entries()) {
    read.push({ name: names[index]!, bytes: new Uint8Array(await file.arrayBuffer()) })
  }
  const data = prepareText(model, read, { ...request, isPrivate: privacy !== undefined })
  const terms = privacy ? termsOf(privacy, batchSize, data.train.length) : null
  if (terms) checkPrivateTerms(terms, data.train.length)
  return { files: read, data, terms }
}

export interface TextOptions {
  readonly sequenceLength: number
  readonly heldOutFraction: number
  readonly seed: number
  /** One document is one example. */
  readonly isPrivate: boolean
}

export function prepareText(model: OpenedModel, files: readonly TrainingFile[], options: TextOptions): TrainingData {
  const { sequenceLength, heldOutFraction, seed, isPrivate } = options
  return prepareTrainingData(files, createTokenizer(model.tokenizer), model, {
    sequenceLength,
    heldOutFraction,
    seed,
    oneDocumentEach: isPrivate,
  })
}

export function previewText({ config }: OpenedModel, request: TrainingRequest, text: TrainingText): TrainingPreview {
  const { lora } = request
  const { data, terms } = text
  const { documents, trainTokens, heldOutTokens, train } = data
  const onlyB = lora.targets.reduce((sum, target) => sum + lora.rank * targetShape(config, target).outputs, 0)
  return {
    documents,
    trainTokens,
    heldOutTokens,
    sequences: train.length,
    trainableParameters: lora.freezeA ? onlyB * config.layers : parameterCount(config, lora),
    genomeBytes: adapterTensorBytes(config, loraConfigOf(lora)),
    privacy: terms && { sampleRate: terms.sampleRate, affordableSteps: affordableSteps(terms, FAR_STEPS) },
  }
}

export const loraConfigOf = ({ targets, rank, alpha, rankStabilised }: LoraRequest): LoraConfig => ({
  targets,
  rank,
  alpha,
  rankStabilised,
})

/**
 * The held-out sequences a run is judged by, spread evenly: all of them would cost more than the training where the text
 * is much longer than the run.
 */
export function sampleHeldOut(heldOut: readonly PackedSequence[], mostTokens: number): readonly PackedSequence[] {
  const total = heldOut.reduce((sum, { tokens }) => sum + tokens.length, 0)
  if (total <= mostTokens) return heldOut
  const count = Math.max(1, Math.floor((heldOut.length * mostTokens) / total))
  return Array.from({ length: count }, (_, i) => heldOut[Math.floor((i * heldOut.length) / count)]!)
}
