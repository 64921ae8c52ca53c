// SipHash-1-3 (Aumasson and Bernstein, 2012, with the rounds that hash tables of Python and Rust have) of ids: 64 bits that nobody
// without the key can aim at. In 32-bit halves, since JavaScript has no fast 64-bit integers.

export const ID_WORDS = 8
/** One for each of four words of 64 bits and for a fifth that ends with the length, and three for the end. */
const ROUNDS = 8
const LENGTH = 32 << 24

/** Of each id in `ids`, 8 little-endian words each: the low half at word 2 · i of the result, the high half after it. */
export function hashIds(key: Uint8Array, ids: Uint32Array): Uint32Array<ArrayBuffer> {
  const view = new DataView(key.buffer, key.byteOffset, 16)
  const k0 = view.getInt32(0, true)
  const k1 = view.getInt32(4, true)
  const k2 = view.getInt32(8, true)
  const k3 = view.getInt32(12, true)
  const count = ids.length / ID_WORDS
  const hashes = new Uint32Array(2 * count)
  for (let i = 0; i < count; i++) {
    let al = k0 ^ 0x70736575
    let ah = k1 ^ 0x736f6d65
    let bl = k2 ^ 0x6e646f6d
    let bh = k3 ^ 0x646f7261
    let cl = k0 ^ 0x6e657261
    let ch = k1 ^ 0x6c796765
    let dl = k2 ^ 0x79746573
    let dh = k3 ^ 0x74656462
    for (let round = 0; round < ROUNDS; round++) {
      const low = round < 4 ? (ids[i * ID_WORDS + 2 * round] as number) : 0
      const high = round < 4 ? (ids[i * ID_WORDS + 2 * round + 1] as number) : round === 4 ? LENGTH : 0
      dl ^= low
      dh ^= high
      if (round === 5) cl ^= 0xff
      // a += b; b <<<= 13; b ^= a; a <<<= 32
      let sum = (al + bl) | 0
      ah = (ah + bh + (sum >>> 0 < al >>> 0 ? 1 : 0)) | 0
      al = sum
      let kept = (bl << 13) | (bh >>> 19)
      bh = ((bh << 13) | (bl >>> 19)) ^ ah
      bl = kept ^ al
      kept = al
      al = ah
      ah = kept
      // c += d; d <<<= 16; d ^= c
      sum = (cl + dl) | 0
      ch = (ch + dh + (sum >>> 0 < cl >>> 0 ? 1 : 0)) | 0
      cl = sum
      kept = (dl << 16) | (dh >>> 16)
      dh = ((dh << 16) | (dl >>> 16)) ^ ch
      dl = kept ^ cl
      // a += d; d <<<= 21; d ^= a
      sum = (al + dl) | 0
      ah = (ah + dh + (sum >>> 0 < al >>> 0 ? 1 : 0)) | 0
      al = sum
      kept = (dl << 21) | (dh >>> 11)
      dh = ((dh << 21) | (dl >>> 11)) ^ ah
      dl = kept ^ al
      // c += b; b <<<= 17; b ^= c; c <<<= 32
      sum = (cl + bl) | 0
      ch = (ch + bh + (sum >>> 0 < cl >>> 0 ? 1 : 0)) | 0
      cl = sum
      kept = (bl << 17) | (bh >>> 15)
      bh = ((bh << 17) | (bl >>> 15)) ^ ch
      bl = kept ^ cl
      kept = cl
      cl = ch
      ch = kept
      al ^= low
      ah ^= high
    }
    hashes[2 * i] = al ^ bl ^ cl ^ dl
    hashes[2 * i + 1] = ah ^ bh ^ ch ^ dh
  }
  return hashes
}
