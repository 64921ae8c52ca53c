// Rotary position embedding (Su et al. 2021, arXiv:2104.09864): the reference, and the angles' table that the GPU reads.

import type { RopeConfig } from '#core/formats/model-config.ts'
import type { Floats } from './floats.ts'

/** Inverse frequency of each pair, over its divisor. */
export function inverseFrequencies(rope: RopeConfig): number[] {
  const pairs = rope.dimensions / 2
  return Array.from(
    { length: pairs },
    (_, i) => rope.base ** ((-2 * i) / rope.dimensions) / (rope.frequencyDivisors?.[i] ?? 1),
  )
}

/** `[positions, dimensions / 2, 2]`: cos and sin of each pair's angle. */
export function ropeTable(rope: RopeConfig, positions: number): Float32Array<ArrayBuffer> {
  const frequencies = inverseFrequencies(rope)
  const table = new Float32Array(positions * frequencies.length * 2)
  let at = 0
  for (let position = 0; position < positions; position++) {
    for (const frequency of frequencies) {
      table[at++] = Math.cos(position * frequency)
      table[at++] = Math.sin(position * frequency)
    }
  }
  return table
}

/** Rotates one head at `position`, in place; with `back` the other way, which is also the gradient's. */
export function rotateHead(head: Floats, rope: RopeConfig, position: number, back = false): void {
  const pairs = rope.dimensions / 2
  const frequencies = inverseFrequencies(rope)
  for (let pair = 0; pair < pairs; pair++) {
    const i = rope.layout === 'half' ? pair : 2 * pair
    const j = rope.layout === 'half' ? pair + pairs : 2 * pair + 1
    const angle = (back ? -1 : 1) * position * (frequencies[pair] as number)
    const a = head[i] as number
    const b = head[j] as number
    head[i] = a * Math.cos(angle) - b * Math.sin(angle)
    head[j] = a * Math.sin(angle) + b * Math.cos(angle)
  }
}
