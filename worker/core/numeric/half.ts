// IEEE half precision and bfloat16 to f32, exactly.

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

/** The value of the 16 bits of an IEEE 754 binary16. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The value of the 16 bits of a bfloat16: the upper half of an f32. */
export function bfloatToFloat(bits: number): number {
  words[0] = bits << 16
  return floats[0] as number
}
