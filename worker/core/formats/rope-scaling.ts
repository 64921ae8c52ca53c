// Divisors of RoPE's inverse frequencies under the scalings that models are trained with.

export interface Llama3Scaling {
  readonly factor: number
  readonly lowFrequencyFactor: number
  readonly highFrequencyFactor: number
  readonly originalContextLength: number
}

/**
 * Llama 3's scaling: long wavelengths are divided by `factor`, short ones left alone, those between blended.
 * As in transformers' modeling_rope_utils.py (`_compute_llama3_parameters`).
 */
export function llama3Divisors(base: number, dimensions: number, scaling: Llama3Scaling): number[] {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } = scaling
  return Array.from({ length: dimensions / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * base ** ((2 * i) / dimensions)
    if (wavelength < originalContextLength / highFrequencyFactor) return 1
    if (wavelength > originalContextLength / lowFrequencyFactor) return factor
    const smooth =
      (originalContextLength / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

export function linearDivisors(dimensions: number, factor: number): number[] {
  return new Array<number>(dimensions / 2).fill(factor)
}
