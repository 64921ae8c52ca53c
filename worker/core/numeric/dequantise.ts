// The reference values of every stored element type: block bytes to f32, as ggml defines them (ggml-common.h and the
// dequantize_row functions of ggml-quants.c, MIT). Little-endian throughout; each product is rounded to f32 as there.

import { CentramError } from '#core/errors.ts'
import { BLOCKS, type DType } from '#core/formats/tensor-entry.ts'
import { bfloatToFloat, halfToFloat } from './half.ts'

type BlockReader = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void

const u16 = (bytes: Uint8Array, at: number) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
const u32 = (bytes: Uint8Array, at: number) => (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0
const half = (bytes: Uint8Array, at: number) => halfToFloat(u16(bytes, at))
const round = Math.fround

/** Element i of a legacy block of 32: low nibbles are elements 0..15, high nibbles 16..31. */
function nibble(bytes: Uint8Array, at: number, i: number): number {
  const byte = bytes[at + (i & 15)] as number
  return i < 16 ? byte & 15 : byte >> 4
}

/**
 * The 6-bit scale and minimum of sub-block j of a Q4_K or Q5_K super-block: 0..3 in the low six bits of bytes j and
 * j + 4; 4..7 with their low nibbles in byte j + 4 and their high bits above those of 0..3.
 */
export function scaleAndMinimum(bytes: Uint8Array, at: number, j: number): [scale: number, minimum: number] {
  const low = bytes[at + (j & 3)] as number
  const high = bytes[at + 4 + (j & 3)] as number
  if (j < 4) return [low & 63, high & 63]
  const mixed = bytes[at + 4 + j] as number
  return [(mixed & 15) | ((low >> 6) << 4), (mixed >> 4) | ((high >> 6) << 4)]
}

const READERS: Readonly<Record<DType, BlockReader>> = {
  F32(bytes, at, out, to) {
    new Uint32Array(out.buffer, out.byteOffset + to * 4, 1)[0] = u32(bytes, at)
  },
  F16(bytes, at, out, to) {
    out[to] = half(bytes, at)
  },
  BF16(bytes, at, out, to) {
    out[to] = bfloatToFloat(u16(bytes, at))
  },
  Q8_0(bytes, at, out, to) {
    const d = half(bytes, at)
    for (let i = 0; i < 32; i++) out[to + i] = d * (((bytes[at + 2 + i] as number) << 24) >> 24)
  },
  Q4_0(bytes, at, out, to) {
    const d = half(bytes, at)
    for (let i = 0; i < 32; i++) out[to + i] = d * (nibble(bytes, at + 2, i) - 8)
  },
  Q4_1(bytes, at, out, to) {
    const d = half(bytes, at)
    const m = half(bytes, at + 2)
    for (let i = 0; i < 32; i++) out[to + i] = round(d * nibble(bytes, at + 4, i)) + m
  },
  Q5_0(bytes, at, out, to) {
    const d = half(bytes, at)
    const high = u32(bytes, at + 2)
    for (let i = 0; i < 32; i++) {
      out[to + i] = d * ((nibble(bytes, at + 6, i) | (((high >>> i) & 1) << 4)) - 16)
    }
  },
  Q5_1(bytes, at, out, to) {
    const d = half(bytes, at)
    const m = half(bytes, at + 2)
    const high = u32(bytes, at + 4)
    for (let i = 0; i < 32; i++) {
      out[to + i] = round(d * (nibble(bytes, at + 8, i) | (((high >>> i) & 1) << 4))) + m
    }
  },
  Q4_K(bytes, at, out, to) {
    const d = half(bytes, at)
    const dmin = half(bytes, at + 2)
    for (let j = 0; j < 8; j++) {
      const [scale, minimum] = scaleAndMinimum(bytes, at + 4, j)
      const d1 = round(d * scale)
      const m1 = round(dmin * minimum)
      const qs = at + 16 + (j >> 1) * 32
      for (let i = 0; i < 32; i++) {
        out[to + j * 32 + i] = round(d1 * (((bytes[qs + i] as number) >> ((j & 1) * 4)) & 15)) - m1
      }
    }
  },
  Q5_K(bytes, at, out, to) {
    const d = half(bytes, at)
    const dmin = half(bytes, at + 2)
    for (let j = 0; j < 8; j++) {
      const [scale, minimum] = scaleAndMinimum(bytes, at + 4, j)
      const d1 = round(d * scale)
      const m1 = round(dmin * minimum)
      const qs = at + 48 + (j >> 1) * 32
      for (let i = 0; i < 32; i++) {
        const low = ((bytes[qs + i] as number) >> ((j & 1) * 4)) & 15
        const high = ((bytes[at + 16 + i] as number) >> j) & 1
        out[to + j * 32 + i] = round(d1 * (low | (high << 4))) - m1
      }
    }
  },
  Q6_K(bytes, at, out, to) {
    const d = half(bytes, at + 208)
    for (let e = 0; e < 256; e++) {
      // A half block of 128: 64 bytes of low nibbles (its first 64 elements low, the next 64 high), 32 of bit pairs.
      const part = e >> 7
      const quarter = (e >> 5) & 3
      const low = ((bytes[at + part * 64 + (e & 63)] as number) >> ((quarter >> 1) * 4)) & 15
      const high = ((bytes[at + 128 + part * 32 + (e & 31)] as number) >> (quarter * 2)) & 3
      const scale = ((bytes[at + 192 + (e >> 4)] as number) << 24) >> 24
      out[to + e] = round(d * scale) * ((low | (high << 4)) - 32)
    }
  },
}

/** The f32 values of `bytes`, whole blocks of `dtype`. Throws `FORMAT_TRUNCATED` for a broken block. */
export function dequantise(dtype: DType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const block = BLOCKS[dtype]
  if (bytes.length % block.bytes !== 0) {
    throw new CentramError(
      'FORMAT_TRUNCATED',
      `${bytes.length} bytes are not whole ${dtype} blocks of ${block.bytes} bytes; the file is damaged or cut off.`,
    )
  }
  const blocks = bytes.length / block.bytes
  const out = new Float32Array(blocks * block.elements)
  if (dtype === 'F32') {
    new Uint8Array(out.buffer).set(bytes)
    return out
  }
  const read = READERS[dtype]
  for (let i = 0; i < blocks; i++) read(bytes, i * block.bytes, out, i * block.elements)
  return out
}
