// What the training benchmark reports, and whether two sides computed the same thing.

import type { Spread } from './spread.ts'

export interface Stepped {
  readonly losses: readonly number[]
  readonly gradientNorms: readonly number[]
  readonly milliseconds: number
  readonly peakBytes: number
}

export interface Speeds {
  readonly msPerStep: Spread
  readonly tokensPerSecond: Spread
  readonly peakBytes: number
}

export interface Agreement {
  readonly agrees: boolean
  readonly steps: number
  /** Largest relative difference of a step's loss. */
  readonly loss: number
  /** Of a step's gradient norm before clipping. */
  readonly gradientNorm: number
}

export interface TrainingFigures extends Speeds {
  readonly model: string
  readonly adapter: string
  readonly family: string
  readonly shape: string
  readonly weights: string
  readonly trainableParameters: number
  readonly rank: number
  readonly sequences: number
  readonly length: number
  /** Of one forward pass with its loss. */
  readonly forwardMs: Spread
  /** The same steps in another library; its speeds are missing where it computes something else. */
  readonly rival?: Partial<Speeds> & {
    readonly library: string
    readonly agreement: Agreement
    /** Its time for the same steps over ours, turn by turn: above 1 we are ahead. */
    readonly ratio?: Spread
  }
}

const TOLERANCE = 1e-3

/** Losses after the first hang on gradients, clipping and optimiser too. */
export function compareRuns(
  ours: Pick<Stepped, 'losses' | 'gradientNorms'>,
  theirs: Pick<Stepped, 'losses' | 'gradientNorms'>,
): Agreement {
  const steps = ours.losses.length
  const loss = worstDifference(ours.losses, theirs.losses)
  const gradientNorm = worstDifference(ours.gradientNorms, theirs.gradientNorms)
  return { agrees: steps > 1 && loss <= TOLERANCE && gradientNorm <= TOLERANCE, steps, loss, gradientNorm }
}

/** Infinite where lengths differ or anything is no number. */
function worstDifference(expected: readonly number[], found: readonly number[]): number {
  if (expected.length !== found.length) return Infinity
  return expected.reduce((worst, value, i) => {
    const difference = Math.abs((found[i] ?? NaN) - value) / Math.abs(value)
    return Number.isFinite(difference) ? Math.max(worst, difference) : Infinity
  }, 0)
}
