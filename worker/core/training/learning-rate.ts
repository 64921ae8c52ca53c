// Learning rate by step: a linear warm-up, then half a cosine down to the final rate. Loshchilov and Hutter, "SGDR"
// (2017), without restarts.

export interface LearningRateSchedule {
  readonly peak: number
  /** Reached at the last step. */
  readonly final: number
  readonly warmUpSteps: number
  readonly steps: number
}

/** The rate of step number `step`, counted from 0. The first step of a warm-up of n has peak / n. */
export function learningRateAt({ peak, final, warmUpSteps, steps }: LearningRateSchedule, step: number): number {
  if (step < warmUpSteps) return (peak * (step + 1)) / warmUpSteps
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - 1 - warmUpSteps))
  return final + (peak - final) * 0.5 * (1 + Math.cos(Math.PI * progress))
}
