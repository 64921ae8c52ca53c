// The seeded draws of a training run. Each purpose has its own stream, and a draw depends on (seed, purpose, index) alone,
// so that a resumed run draws what the unbroken one would have.

import { philox4x32 } from '#core/sampling/philox.ts'

/** The third counter word; `uniformAt` of the sampler uses 0. */
const STREAMS = { order: 1, heldOut: 2, initial: 3, dropout: 4, resample: 5, noise: 6 } as const
export type Stream = keyof typeof STREAMS

/** Uniform in [0, 1) with 53 bits. `index` is any safe integer, `part` (an epoch, a tensor) 32 bits. */
export function drawUniform(seed: number, stream: Stream, index: number, part = 0): number {
  const [a, b] = philox4x32(
    [index >>> 0, Math.floor(index / 2 ** 32) >>> 0, STREAMS[stream], part >>> 0],
    [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0],
  )
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53
}

/** The numbers 0 to `count - 1` in seeded order (Fisher and Yates). */
export function drawOrder(seed: number, count: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(drawUniform(seed, 'order', i, epoch) * (i + 1))
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return order
}
