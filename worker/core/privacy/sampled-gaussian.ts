// The mechanism of DP-SGD: each record is in a step's batch with probability q, and Gaussian noise of σ times the clip
// bound is added to the sum.

import { CentramError } from '#core/errors.ts'

export interface SampledGaussian {
  /** Noise multiplier: standard deviation over clip bound. */
  readonly sigma: number
  /** Sampling probability of each record in a step. */
  readonly q: number
}

/** Throws `BAD_ARGUMENT`, naming the value that is out of range. */
export function checkMechanism({ sigma, q }: SampledGaussian, steps: number, delta: number): void {
  const rules: [string, number, boolean, string][] = [
    ['sigma', sigma, sigma > 0 && Number.isFinite(sigma), 'above 0'],
    ['q', q, q >= 0 && q <= 1, 'from 0 to 1'],
    ['steps', steps, Number.isSafeInteger(steps) && steps >= 0, 'a whole number, 0 or more'],
    ['delta', delta, delta > 0 && delta < 1, 'above 0 and below 1'],
  ]
  for (const [name, value, isValid, wanted] of rules) {
    if (!isValid) throw new CentramError('BAD_ARGUMENT', `${name} is ${value}; it must be ${wanted}.`)
  }
}
