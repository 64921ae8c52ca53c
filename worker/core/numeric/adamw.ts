// AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), in the form and order of torch.optim.AdamW.

export interface AdamWOptions {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
}

/** What one step needs of the options, in the order that shaders/adamw.wgsl reads them. */
export interface AdamWRates {
  readonly keep: number
  readonly beta1: number
  readonly oneMinusBeta1: number
  readonly beta2: number
  readonly oneMinusBeta2: number
  readonly stepSize: number
  readonly rootCorrection: number
  readonly epsilon: number
}

/** `step` counts from 1. */
export function adamWRates(options: AdamWOptions, step: number): AdamWRates {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = options
  return {
    keep: 1 - learningRate * weightDecay,
    beta1,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    stepSize: learningRate / (1 - beta1 ** step),
    rootCorrection: Math.sqrt(1 - beta2 ** step),
    epsilon,
  }
}

export interface AdamWState {
  readonly parameter: Float64Array
  readonly firstMoment: Float64Array
  readonly secondMoment: Float64Array
}

/** One step in place, in double. */
export function adamWStep(state: AdamWState, gradient: ArrayLike<number>, options: AdamWOptions, step: number): void {
  const rates = adamWRates(options, step)
  const { parameter, firstMoment, secondMoment } = state
  for (let i = 0; i < parameter.length; i++) {
    const g = gradient[i] as number
    const m = rates.beta1 * (firstMoment[i] as number) + rates.oneMinusBeta1 * g
    const v = rates.beta2 * (secondMoment[i] as number) + rates.oneMinusBeta2 * g * g
    firstMoment[i] = m
    secondMoment[i] = v
    const root = Math.sqrt(v) / rates.rootCorrection + rates.epsilon
    parameter[i] = (parameter[i] as number) * rates.keep - rates.stepSize * (m / root)
  }
}
