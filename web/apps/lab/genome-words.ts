// How a genome is told of in words.

import { findAdapterOperator } from '#core/merge/registry.ts'
import { formatBytes, formatDay, formatNumber } from '../../ui/format.ts'
import type { GenomeState } from '../../../worker/node/lab-api.ts'
import { exchangeWords, labWords } from './words/lab-words.ts'

/** "trained on SmolLM2 135M", "merged by TIES from 2 genomes". */
export function describeOrigin(genome: GenomeState): string {
  const words = labWords().genomes
  const base = genome.baseName || words.noName
  if (genome.operator === 'train') return words.trainedOn(base)
  if (genome.operator === 'import') return words.importedFor(base)
  const { length } = genome.parents
  return words.mergedFrom(genome.operator, length, base)
}

/** Its own name where this version does not know the operator. */
export function operatorTitle(name: string): string {
  try {
    return exchangeWords().operatorTitle(name, findAdapterOperator(name).title)
  } catch {
    return name
  }
}

/** Rank, size, day and licence in one line. */
export function describeFigures(genome: GenomeState): readonly string[] {
  const { training, privacy } = genome
  const words = labWords().genomes
  const before = training?.heldOutLossBefore
  const after = training?.heldOutLoss
  return [
    words.rank(genome.rank),
    formatBytes(genome.bytes),
    ...(after === undefined ? [] : [words.heldOut(before?.toFixed(3) ?? null, after.toFixed(3))]),
    ...(privacy ? [words.epsilon(privacy.epsilon.toFixed(2), formatNumber(privacy.delta))] : []),
    formatDay(genome.createdAt),
    licenceWords(genome.licence),
  ]
}

export function licenceWords(licence: string): string {
  const words = labWords().genomes
  if (licence === 'NOASSERTION') return words.licenceUnknown
  if (licence === 'LicenseRef-all-rights-reserved') return words.rightsReserved
  return licence.replace(/^LicenseRef-/, '').replaceAll('-rights-', ' rights ')
}
