// The dice of a simulation: a stream of numbers that follows from a seed and a name, so that what one part draws never
// shifts what another one gets.

import { createHash } from 'node:crypto'

export interface Dice {
  /** In [0, 1). */
  next(): number
  /** Whole, from `low` to `high`, both possible. */
  whole(low: number, high: number): number
  between(low: number, high: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  bytes(length: number): Uint8Array<ArrayBuffer>
  /** Dice of their own, by name. */
  fork(name: string): Dice
}

/** sfc32 (PractRand's small fast counting generator), seeded from a hash of the name. */
export function createDice(name: string): Dice {
  const seed = new DataView(createHash('sha256').update(name).digest().buffer.slice(0, 16))
  let a = seed.getUint32(0, true)
  let b = seed.getUint32(4, true)
  let c = seed.getUint32(8, true)
  let counter = seed.getUint32(12, true)
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) draw()
  const dice: Dice = {
    next: () => draw() / 2 ** 32,
    whole: (low, high) => low + Math.floor((draw() / 2 ** 32) * (high - low + 1)),
    between: (low, high) => low + (draw() / 2 ** 32) * (high - low),
    chance: (probability) => draw() / 2 ** 32 < probability,
    pick(from) {
      const picked = from[Math.floor((draw() / 2 ** 32) * from.length)]
      if (picked === undefined) throw new Error('there is nothing to pick from')
      return picked
    },
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i++) bytes[i] = draw() >>> 24
      return bytes
    },
    fork: (part) => createDice(`${name}/${part}`),
  }
  return dice
}
