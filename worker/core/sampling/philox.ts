// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC11):
// what it gives depends on (seed, counter) alone, so a draw can be repeated without replaying those before it.

const M0 = 0xd2511f53
const M1 = 0xcd9e8d57
const W0 = 0x9e3779b9
const W1 = 0xbb67ae85

export type Words4 = readonly [number, number, number, number]

/** Four 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  const words = new Uint32Array(4)
  fillPhilox(words, counter, key)
  return [words[0]!, words[1]!, words[2]!, words[3]!]
}

/** The same into `out`, for those who draw millions. */
export function fillPhilox(out: Uint32Array, counter: ArrayLike<number>, key: readonly [number, number]): void {
  let c0 = counter[0]! | 0
  let c1 = counter[1]! | 0
  let c2 = counter[2]! | 0
  let c3 = counter[3]! | 0
  let k0 = key[0] | 0
  let k1 = key[1] | 0
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0)
    const high1 = multiplyHigh(M1, c2)
    const next0 = high1 ^ c1 ^ k0
    const next2 = high0 ^ c3 ^ k1
    c1 = Math.imul(M1, c2)
    c3 = Math.imul(M0, c0)
    c0 = next0
    c2 = next2
    k0 = (k0 + W0) | 0
    k1 = (k1 + W1) | 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
}

/** Uniform in [0, 1) with 53 bits, for draw `step` of the stream `seed` (any safe integer). */
export function uniformAt(seed: number, step: number): number {
  const [a, b] = philox4x32(splitWords(step, 0), [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0])
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53
}

const splitWords = (value: number, stream: number): Words4 => [
  value >>> 0,
  Math.floor(value / 2 ** 32) >>> 0,
  stream,
  0,
]

/** The upper 32 bits of the 64-bit product of two 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  // In whole numbers of 32 bits throughout, which run several times faster than doubles here.
  const cross = Math.imul(aLow, bHigh)
  const other = Math.imul(aHigh, bLow)
  const middle = (Math.imul(aLow, bLow) >>> 16) + (cross & 0xffff) + (other & 0xffff)
  return (Math.imul(aHigh, bHigh) + (cross >>> 16) + (other >>> 16) + (middle >>> 16)) | 0
}
