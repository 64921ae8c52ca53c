// What a private run has spent and may spend. Only Poisson sampling is accounted for: a run over shuffled batches has no
// account, and so no ε to claim.

import { CentramError } from '#core/errors.ts'
import type { PrivacyStatement } from '#core/genome/manifest.ts'
import { pldEpsilon } from '#core/privacy/pld-accountant.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'

export interface PrivateTerms {
  /** Standard deviation of the noise in units of the clipping norm. */
  readonly noiseMultiplier: number
  readonly sampleRate: number
  readonly clipNorm: number
  readonly delta: number
  /** Training stops before it would be passed. */
  readonly budget: number
}

/** Rényi ε at `delta` after `steps` steps: what is shown live, and what the budget counts. */
export function spentEpsilon({ noiseMultiplier: sigma, sampleRate: q, delta }: PrivateTerms, steps: number): number {
  return steps === 0 ? 0 : rdpEpsilon({ sigma, q }, steps, delta).epsilon
}

/** Whether one more step stays within the budget. */
export function mayStep(terms: PrivateTerms, steps: number): boolean {
  return spentEpsilon(terms, steps + 1) <= terms.budget
}

/** Throws `BAD_ARGUMENT` where the budget does not allow a single step, or δ is too large to mean anything. */
export function checkPrivateTerms(terms: PrivateTerms, examples: number): void {
  const { delta, budget } = terms
  if (!(delta > 0 && delta <= 1 / examples)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `A delta of ${delta} is too large for ${examples} examples: below ${1 / examples} it would not even rule out that ` +
        'one of them is published whole.',
    )
  }
  if (!(budget > 0) || !mayStep(terms, 0)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `A budget of ${budget} does not allow a single step, which costs ${spentEpsilon(terms, 1).toPrecision(3)}. Raise the ` +
        'noise or the budget.',
    )
  }
}

/** Steps that the budget allows, at most `most`. */
export function affordableSteps(terms: PrivateTerms, most: number): number {
  let low = 0
  let high = most
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (spentEpsilon(terms, middle) <= terms.budget) low = middle
    else high = middle - 1
  }
  return low
}

/** The claim for a genome's manifest. */
export function privacyStatement(terms: PrivateTerms, steps: number, unit: string): PrivacyStatement {
  const { noiseMultiplier, sampleRate, clipNorm, delta } = terms
  return {
    mechanism: 'dp-sgd',
    sampling: 'poisson',
    noiseMultiplier,
    sampleRate,
    clipNorm,
    steps,
    delta,
    epsilonRdp: spentEpsilon(terms, steps),
    epsilonPld: pldEpsilon({ sigma: noiseMultiplier, q: sampleRate }, steps, delta),
    unit,
  }
}
