// How a genome is told of in words.

import { findAdapterOperator } from '#core/merge/registry.ts'
import { formatBytes, formatDay, formatNumber } from '../../ui/format.ts'
import type { GenomeState } from '../../../worker/node/lab-api.ts'

/** "trained on SmolLM2 135M", "merged by TIES from 2 genomes". */
export function describeOrigin(genome: GenomeState): string {
  const base = genome.baseName || 'a model without a name'
  if (genome.operator === 'train') return `trained on ${base}`
  if (genome.operator === 'import') return `imported for ${base}`
  const { length } = genome.parents
  return `merged by ${genome.operator} from ${length === 1 ? 'one genome' : `${length} genomes`} of ${base}`
}

/** Its own name where this version does not know the operator. */
export function operatorTitle(name: string): string {
  try {
    return findAdapterOperator(name).title
  } catch {
    return name
  }
}

/** Rank, size, day and licence in one line. */
export function describeFigures(genome: GenomeState): readonly string[] {
  const { training, privacy } = genome
  const before = training?.heldOutLossBefore
  const after = training?.heldOutLoss
  return [
    `rank ${genome.rank}`,
    formatBytes(genome.bytes),
    ...(after === undefined
      ? []
      : [`held-out loss ${before === undefined ? '' : `${before.toFixed(3)} → `}${after.toFixed(3)}`]),
    ...(privacy ? [`ε ${privacy.epsilon.toFixed(2)} at δ ${formatNumber(privacy.delta)}`] : []),
    formatDay(genome.createdAt),
    licenceWords(genome.licence),
  ]
}

export function licenceWords(licence: string): string {
  if (licence === 'NOASSERTION') return 'licence unknown'
  return licence.replace(/^LicenseRef-/, '').replaceAll('-rights-', ' rights ')
}
