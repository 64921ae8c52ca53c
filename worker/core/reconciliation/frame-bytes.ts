// Reading and writing the bytes of a frame. What a peer sent is read by bounds, and ends in a coded error where it is wrong.
// Numbers are written as negentropy writes them: base 128, most significant digit first, as few digits as possible.

import { CentramError } from '../errors.ts'

/** What one PROOF_RECON_FRAME holds at most. */
export const MAX_FRAME = 64 * 1024

export interface FrameReader {
  readonly left: number
  byte(): number
  varint(): number
  /** A view into the frame. */
  bytes(length: number): Uint8Array
}

export function readFrame(frame: Uint8Array): FrameReader {
  if (frame.length > MAX_FRAME) {
    throw new CentramError(
      'FRAME_TOO_LARGE',
      `A frame of a comparison has ${frame.length} bytes; ${MAX_FRAME} is the most.`,
    )
  }
  let at = 0
  const bytes = (length: number): Uint8Array => {
    if (length > frame.length - at) throw malformed('it ends too early')
    at += length
    return frame.subarray(at - length, at)
  }
  const byte = (): number => bytes(1)[0] as number
  return {
    get left() {
      return frame.length - at
    },
    byte,
    bytes,
    varint() {
      let value = 0
      for (let digits = 0; ; digits++) {
        const digit = byte()
        if (digits === 0 && digit === 128) throw malformed('a number begins with a zero')
        value = value * 128 + (digit & 127)
        if (value > Number.MAX_SAFE_INTEGER) throw malformed('a number is too large')
        if (digit < 128) return value
      }
    },
  }
}

/** `value` from 0 to 2⁵³ − 1. */
export function encodeVarint(value: number): Uint8Array {
  const digits = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.push((rest % 128) + 128)
  return Uint8Array.from(digits.reverse())
}

export interface FrameWriter {
  readonly length: number
  byte(value: number): void
  varint(value: number): void
  bytes(bytes: Uint8Array): void
  /** Takes back what was written after `length`. */
  cut(length: number): void
  /** A copy. */
  finish(): Uint8Array<ArrayBuffer>
}

export function writeFrame(): FrameWriter {
  let buffer = new Uint8Array(1024)
  let length = 0
  const bytes = (added: Uint8Array): void => {
    if (length + added.length > buffer.length) {
      const longer = new Uint8Array(2 * (length + added.length))
      longer.set(buffer)
      buffer = longer
    }
    buffer.set(added, length)
    length += added.length
  }
  return {
    get length() {
      return length
    },
    byte: (value) => bytes(Uint8Array.of(value)),
    varint: (value) => bytes(encodeVarint(value)),
    bytes,
    cut: (kept) => void (length = kept),
    finish: () => buffer.slice(0, length),
  }
}

export function malformed(what: string): CentramError {
  return new CentramError('FRAME_INVALID', `A frame of a comparison of sets is malformed: ${what}.`)
}
