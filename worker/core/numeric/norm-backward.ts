// Gradients of RMSNorm and LayerNorm over rows of `weight.length`, sums in double.

import { zerosLike, type Floats, type Like } from './floats.ts'

export interface NormGradients<T extends Floats> {
  readonly input: Like<T>
  readonly weight: Like<T>
}

/** With n = x r, r = 1 / sqrt(mean(x²) + ε), g = gradient · weight: r (g - n mean(g n)). */
export const rmsNormBackward = <T extends Floats>(input: Floats, weight: Floats, epsilon: number, gradient: T) =>
  normBackward(input, weight, epsilon, gradient, false)

/** With n = (x - mean) r, g = gradient · weight: r (g - mean(g) - n mean(g n)). The bias's gradient is a column sum. */
export const layerNormBackward = <T extends Floats>(input: Floats, weight: Floats, epsilon: number, gradient: T) =>
  normBackward(input, weight, epsilon, gradient, true)

function normBackward<T extends Floats>(
  input: Floats,
  weight: Floats,
  epsilon: number,
  gradient: T,
  centred: boolean,
): NormGradients<T> {
  const width = weight.length
  const ofInput = zerosLike(gradient, input.length)
  const ofWeight = new Float64Array(width)
  for (let first = 0; first < input.length; first += width) {
    const row = Array.from(input.subarray(first, first + width))
    const mean = centred ? sum(row) / width : 0
    const factor = 1 / Math.sqrt(sum(row.map((x) => (x - mean) ** 2)) / width + epsilon)
    const normed = row.map((x) => (x - mean) * factor)
    const g = row.map((_, i) => (gradient[first + i] as number) * (weight[i] as number))
    const push = centred ? sum(g) / width : 0
    const pull = sum(g.map((value, i) => value * (normed[i] as number))) / width
    for (let i = 0; i < width; i++) {
      const n = normed[i] as number
      ofInput[first + i] = factor * ((g[i] as number) - push - n * pull)
      ;(ofWeight[i] as number) += (gradient[first + i] as number) * n
    }
  }
  const weightGradient = zerosLike(gradient, width)
  weightGradient.set(ofWeight)
  return { input: ofInput, weight: weightGradient }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
