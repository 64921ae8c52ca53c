// Dropout's mask as a function of (seed, step, micro-batch, stream, element): one draw of Philox serves four neighbours.

import { philox4x32 } from '../sampling/philox.ts'
import { zerosLike, type Floats, type Like } from './floats.ts'

export interface DropoutDraw {
  /** Any safe integer. */
  readonly seed: number
  readonly step: number
  readonly microBatch: number
  /** Tells the masks of one step apart. */
  readonly stream: number
}

/** Words of the generator below it drop their element. */
export const dropThreshold = (rate: number): number => Math.min(0xffffffff, Math.round(rate * 2 ** 32))

/** `input * mask / (1 - rate)`; the length is a multiple of 4. */
export function dropout<T extends Floats>(input: T, rate: number, draw: DropoutDraw): Like<T> {
  const out = zerosLike(input, input.length)
  const threshold = dropThreshold(rate)
  const key = [draw.seed >>> 0, Math.floor(draw.seed / 2 ** 32) >>> 0] as const
  for (let quad = 0; quad < input.length / 4; quad++) {
    philox4x32([quad, draw.step, draw.stream, draw.microBatch], key).forEach((word, i) => {
      if (word >= threshold) out[quad * 4 + i] = (input[quad * 4 + i] as number) / (1 - rate)
    })
  }
  return out
}
