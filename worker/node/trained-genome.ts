// What a genome says of the run it came from.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { PrivacyStatement, TrainingSummary } from '#core/genome/manifest.ts'
import { privacyStatement, type PrivateTerms } from '#core/training/private-account.ts'
import { OWN_TEXT } from './genome-labels.ts'
import type { GenomeDraft } from './genome-library.ts'
import type { RunProgress, RunSettings } from './run-settings.ts'

export function describeTrained(config: ModelConfig, settings: RunSettings, progress: RunProgress): GenomeDraft {
  const { lora, plan, privacy, sequenceLength, name, licence, fingerprint, modelTitle } = settings
  const { targets, rank, alpha, rankStabilised, dropout, freezeA } = lora
  const heldOut = progress.heldOutLosses.find(({ step }) => step === progress.step)?.loss
  return {
    name,
    base: { hash: fingerprint, name: modelTitle, family: config.family },
    lora: { targets: [...targets], rank, alpha, rankStabilised, dropout },
    parents: [],
    operator: 'train',
    parameters: { freezeA },
    seed: plan.seed,
    training: { ...planned(settings, progress), ...(!privacy && observed(settings, progress)) },
    fitness: privacy || heldOut === undefined ? {} : { [OWN_TEXT]: heldOut },
    ...(privacy && { privacy: statementOf(privacy, progress.step, sequenceLength) }),
    licence,
  }
}

function statementOf(terms: PrivateTerms, steps: number, sequenceLength: number): PrivacyStatement {
  const { epsilonPld, ...statement } = privacyStatement(
    terms,
    steps,
    `one document, cut off at ${sequenceLength} tokens`,
  )
  // Beyond what its grid resolves, the tighter accountant gives no figure; the other one holds.
  return Number.isFinite(epsilonPld) ? { ...statement, epsilonPld } : statement
}

/** Nothing here depends on the text, so that it may stand beside an ε. */
function planned({ plan, sequenceLength }: RunSettings, { step }: RunProgress): TrainingSummary {
  const { batchSize, schedule } = plan
  return {
    steps: step,
    tokens: step * batchSize * sequenceLength,
    sequenceLength,
    batchSize,
    learningRate: schedule.peak,
  }
}

/** What was computed from the text without noise: losses, tokens, the files' hash. */
function observed({ dataHash }: RunSettings, { step, tokens, losses, heldOutLosses }: RunProgress) {
  const [first] = heldOutLosses
  const last = heldOutLosses.at(-1)
  const final = losses.at(-1)?.loss
  return {
    tokens,
    ...(final !== undefined && { finalLoss: final }),
    ...(first?.step === 0 && { heldOutLossBefore: first.loss }),
    ...(last?.step === step && { heldOutLoss: last.loss }),
    dataHash,
  }
}
