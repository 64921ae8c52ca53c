// IEEE half precision and bfloat16 to f32, exactly.

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

/** The value of the 16 bits of an IEEE 754 binary16. */
export function halfToFloat(bits: number): number {
  const magnitude = bits & 0x7fff
  // Shifted into place, the bits are those of an f32 whose exponent is 112 too small, also below the normal range.
  words[0] = magnitude << 13
  const value = magnitude < 0x7c00 ? (floats[0] as number) * 2 ** 112 : magnitude === 0x7c00 ? Infinity : NaN
  return bits & 0x8000 ? -value : value
}

/** The value of the 16 bits of a bfloat16: the upper half of an f32. */
export function bfloatToFloat(bits: number): number {
  words[0] = bits << 16
  return floats[0] as number
}

/** The bits of the binary16 nearest to an f32, ties to even; too large is infinite. */
export function floatToHalf(value: number): number {
  floats[0] = value
  const bits = words[0] as number
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65,520 lies halfway between the largest binary16 and what would follow it.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below 2^-14 the spacing is 2^-24 whatever the exponent; adding 0.5 makes f32 round to just that.
  if (magnitude < 0x38800000) {
    floats[0] = Math.abs(value) + 0.5
    return sign | ((words[0] as number) - 0x3f000000)
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}

/** The bits of the bfloat16 nearest to an f32, ties to even. */
export function floatToBfloat(value: number): number {
  floats[0] = value
  const bits = words[0] as number
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}
