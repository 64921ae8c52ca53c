// `silu(gate) * up`, element by element, in double.

export const silu = (x: number): number => x / (1 + Math.exp(-x))

export function siluMultiply(gate: Float32Array, up: Float32Array): Float32Array<ArrayBuffer> {
  return gate.map((value, i) => silu(value) * (up[i] as number))
}
