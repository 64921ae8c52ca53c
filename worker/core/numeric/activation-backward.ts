// Derivatives of GELU (tanh form) and of silu(gate) * up, element by element, in double.

import type { Floats, Like } from './floats.ts'
import { silu } from './silu-multiply.ts'

const ROOT = Math.sqrt(2 / Math.PI)

/** d/dx of 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x³) */
export function geluSlope(x: number): number {
  const t = Math.tanh(ROOT * (x + 0.044715 * x ** 3))
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT * (1 + 3 * 0.044715 * x * x)
}

export function siluSlope(x: number): number {
  const s = 1 / (1 + Math.exp(-x))
  return s * (1 + x * (1 - s))
}

export function geluBackward<T extends Floats>(input: Floats, gradient: T): Like<T> {
  return gradient.map((g, i) => g * geluSlope(input[i] as number)) as Like<T>
}

export function siluMultiplyBackward<T extends Floats>(
  gate: Floats,
  up: Floats,
  gradient: T,
): { readonly gate: Like<T>; readonly up: Like<T> } {
  return {
    gate: gradient.map((g, i) => g * (up[i] as number) * siluSlope(gate[i] as number)) as Like<T>,
    up: gradient.map((g, i) => g * silu(gate[i] as number)) as Like<T>,
  }
}
