// How each element type lies on the GPU, and the repacking from file blocks on the CPU. A row is cut into groups of 32
// elements; words lie as [tile of 8 rows][group][word][row in tile] so that threads on neighbouring rows read
// neighbouring words, and scales lie apart. shaders/quant/*.wgsl read what is written here, value for value.

import { BLOCKS, type DType } from '#core/formats/tensor-entry.ts'
import { scaleAndMinimum } from '#core/numeric/dequantise.ts'

/** Rows that are interleaved. */
export const TILE_ROWS = 8
/** Elements of a group. */
export const GROUP = 32

export interface BlockLayout {
  /** Words of quants a group of 32. */
  readonly groupWords: number
  /** Words of scales a row of `groups` groups. */
  scaleWords(groups: number): number
  /**
   * Writes one row: `bytes` from `at` in file layout; word w of the row goes to `words[wordsAt + w * 8]`, likewise the
   * scales.
   */
  repack(
    bytes: Uint8Array,
    at: number,
    elements: number,
    words: Uint32Array,
    wordsAt: number,
    scales: Uint32Array,
    scalesAt: number,
  ): void
}

const u16 = (bytes: Uint8Array, at: number) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
const u32 = (bytes: Uint8Array, at: number) => u16(bytes, at) | (u16(bytes, at + 2) << 16)

const NO_SCALES = () => 0
/** One half a group, two groups a word. */
const HALF_SCALES = (groups: number) => Math.ceil(groups / 2)
/** Two halves a group. */
const PAIR_SCALES = (groups: number) => groups
/** Five words a super-block of eight groups. */
const SUPER_SCALES = (groups: number) => (groups / 8) * 5

/** F32, F16 and BF16: the file's words in order; the last group is padded with zeros. */
function plain(bytesPerElement: 2 | 4): BlockLayout {
  return {
    groupWords: bytesPerElement * 8,
    scaleWords: NO_SCALES,
    repack(bytes, at, elements, words, wordsAt) {
      const count = (elements * bytesPerElement) / 4
      for (let w = 0; w < count; w++) words[wordsAt + w * 8] = u32(bytes, at + w * 4)
    },
  }
}

/** Blocks of 32 with one or two leading halves, whose nibble order the shaders take as it is. */
function legacy(options: {
  header: 2 | 4
  bytes: number
  words: number
  highBits: boolean
  /** Bits to turn over in every word of quants. */
  flip?: number
}): BlockLayout {
  const { header, bytes: blockBytes, words: groupWords, highBits, flip = 0 } = options
  return {
    groupWords,
    scaleWords: header === 2 ? HALF_SCALES : PAIR_SCALES,
    repack(bytes, at, elements, words, wordsAt, scales, scalesAt) {
      const quants = header + (highBits ? 4 : 0)
      const quantWords = highBits ? groupWords - 1 : groupWords
      for (let group = 0; group < elements / GROUP; group++) {
        const block = at + group * blockBytes
        const to = wordsAt + group * groupWords * 8
        for (let w = 0; w < quantWords; w++) words[to + w * 8] = u32(bytes, block + quants + w * 4) ^ flip
        if (highBits) words[to + quantWords * 8] = u32(bytes, block + header)
        if (header === 4) scales[scalesAt + group * 8] = u32(bytes, block)
        else if (group & 1) (scales[scalesAt + (group >> 1) * 8] as number) |= u16(bytes, block) << 16
        else scales[scalesAt + (group >> 1) * 8] = u16(bytes, block)
      }
    },
  }
}

/** Q4_K and Q5_K: the 6-bit scales and minima unpacked to bytes, nibbles gathered by group. */
function superBlock(high: boolean): BlockLayout {
  const groupWords = high ? 5 : 4
  const blockBytes = high ? 176 : 144
  return {
    groupWords,
    scaleWords: SUPER_SCALES,
    repack(bytes, at, elements, words, wordsAt, scales, scalesAt) {
      for (let block = 0; block < elements / 256; block++) {
        const from = at + block * blockBytes
        const scaleTo = scalesAt + block * 40
        scales[scaleTo] = u32(bytes, from)
        for (let j = 0; j < 8; j++) {
          const [scale, minimum] = scaleAndMinimum(bytes, from + 4, j)
          const pair = scale | (minimum << 8)
          if (j & 1) (scales[scaleTo + 8 + (j >> 1) * 8] as number) |= pair << 16
          else scales[scaleTo + 8 + (j >> 1) * 8] = pair
          const qs = from + (high ? 48 : 16) + (j >> 1) * 32
          const shift = (j & 1) * 4
          const to = wordsAt + (block * 8 + j) * groupWords * 8
          for (let w = 0; w < 4; w++) {
            const a = (u32(bytes, qs + w * 4) >>> shift) & 0x0f0f0f0f
            const b = (u32(bytes, qs + 16 + w * 4) >>> shift) & 0x0f0f0f0f
            words[to + w * 8] = a | (b << 4)
          }
          if (high) {
            let bits = 0
            for (let i = 0; i < 32; i++) bits |= (((bytes[from + 16 + i] as number) >> j) & 1) << i
            words[to + 32] = bits
          }
        }
      }
    },
  }
}

/** Q6_K: low nibbles by group, bit pairs as two octets a word, the sixteen signed scales after d. */
const q6k: BlockLayout = {
  groupWords: 6,
  scaleWords: SUPER_SCALES,
  repack(bytes, at, elements, words, wordsAt, scales, scalesAt) {
    for (let block = 0; block < elements / 256; block++) {
      const from = at + block * 210
      const scaleTo = scalesAt + block * 40
      scales[scaleTo] = u16(bytes, from + 208)
      for (let w = 0; w < 4; w++) scales[scaleTo + 8 + w * 8] = u32(bytes, from + 192 + w * 4)
      for (let j = 0; j < 8; j++) {
        const quarter = j & 3
        const low = from + (j >> 2) * 64 + (quarter & 1) * 32
        const high = from + 128 + (j >> 2) * 32
        const nibbleShift = (quarter >> 1) * 4
        const to = wordsAt + (block * 8 + j) * 48
        for (let w = 0; w < 4; w++) {
          const a = (u32(bytes, low + w * 4) >>> nibbleShift) & 0x0f0f0f0f
          const b = (u32(bytes, low + 16 + w * 4) >>> nibbleShift) & 0x0f0f0f0f
          words[to + w * 8] = a | (b << 4)
        }
        for (let t = 0; t < 2; t++) {
          let bits = 0
          for (let p = 0; p < 2; p++) {
            for (let e = 0; e < 4; e++) {
              const i = (2 * t + p) * 4 + e
              const a = ((bytes[high + i] as number) >> (quarter * 2)) & 3
              const b = ((bytes[high + 16 + i] as number) >> (quarter * 2)) & 3
              bits |= ((a << (2 * e)) | (b << (8 + 2 * e))) << (16 * p)
            }
          }
          words[to + 32 + t * 8] = bits
        }
      }
    }
  },
}

export const LAYOUTS: Readonly<Record<DType, BlockLayout>> = {
  F32: plain(4),
  F16: plain(2),
  BF16: plain(2),
  // A signed byte with its top bit flipped is that byte plus 128.
  Q8_0: legacy({ header: 2, bytes: BLOCKS.Q8_0.bytes, words: 8, highBits: false, flip: 0x80808080 | 0 }),
  Q4_0: legacy({ header: 2, bytes: BLOCKS.Q4_0.bytes, words: 4, highBits: false }),
  Q4_1: legacy({ header: 4, bytes: BLOCKS.Q4_1.bytes, words: 4, highBits: false }),
  Q5_0: legacy({ header: 2, bytes: BLOCKS.Q5_0.bytes, words: 5, highBits: true }),
  Q5_1: legacy({ header: 4, bytes: BLOCKS.Q5_1.bytes, words: 5, highBits: true }),
  Q4_K: superBlock(false),
  Q5_K: superBlock(true),
  Q6_K: q6k,
}
