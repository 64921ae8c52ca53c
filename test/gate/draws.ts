// Seeded draws of the attack suite: whole numbers and normal values, the same on every machine.

import { philox4x32 } from '#core/sampling/philox.ts'

export interface Draws {
  /** In [0, 1). */
  uniform(): number
  /** A whole number below `bound`. */
  below(bound: number): number
  normal(): number
  pick<T>(list: readonly T[]): T
}

/** @param part tells the draws of one purpose from those of another. */
export function createDraws(seed: number, part: number): Draws {
  let index = 0
  const uniform = () => {
    const [a, b] = philox4x32([index++, 0, 77, part >>> 0], [seed >>> 0, 0])
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53
  }
  const below = (bound: number) => Math.floor(uniform() * bound)
  return {
    uniform,
    below,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    pick: (list) => list[below(list.length)] as (typeof list)[number],
  }
}
