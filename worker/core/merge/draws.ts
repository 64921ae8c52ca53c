// Random numbers of a merge: each a function of (seed, tensor name, parent, element) alone, so that anyone draws the same.

import { sha256 } from '#core/crypto/hash.ts'
import { concatBytes, utf8 } from '#core/crypto/bytes.ts'
import { fillPhilox } from '#core/sampling/philox.ts'

/** Keeps these draws apart from all others made from the same seed. */
const DOMAIN = utf8('centram-merge-draws/1')

/**
 * Uniform numbers in [0, 1) with 32 bits, one for each element. The Philox key is the first eight bytes of
 * SHA-256(domain ‖ seed as f64, little-endian ‖ UTF-8 name); the counter is (element / 4, 0, parent, 0), whose four
 * words serve four elements.
 */
export function createDraws(seed: number, tensor: string, parent: number): (element: number) => number {
  const seedBytes = new Uint8Array(8)
  new DataView(seedBytes.buffer).setFloat64(0, seed, true)
  const digest = new DataView(sha256(concatBytes(DOMAIN, seedBytes, utf8(tensor))).slice().buffer)
  const key = [digest.getUint32(0, true), digest.getUint32(4, true)] as const
  let block = -1
  const words = new Uint32Array(4)
  const counter = new Uint32Array(4)
  counter[2] = parent
  return (element) => {
    const wanted = Math.floor(element / 4)
    if (wanted !== block) {
      block = wanted
      counter[0] = block
      counter[1] = Math.floor(block / 2 ** 32)
      fillPhilox(words, counter, key)
    }
    return words[element & 3]! / 2 ** 32
  }
}
