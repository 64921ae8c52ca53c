// GELU in its tanh form (GPT-2's gelu_new): 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), in double.

export const geluOf = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

export function gelu(values: Float32Array): Float32Array<ArrayBuffer> {
  return values.map(geluOf)
}
