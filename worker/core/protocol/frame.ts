// The bytes of one frame:
//
//   0  magic 'CTRM'          16  session id, 16 bytes
//   4  version               32  sequence, u64
//   5  type                  40  body (deterministic CBOR)
//   6  flags, u16 (zero)      …  zeros up to a multiple of 8, then the raw tensor tail
//   8  body length, u32       …  Ed25519 signature, 64 bytes, over domain ‖ everything before it
//  12  tail length, u32
//
// All integers little-endian. The tail begins at a multiple of 8, so that a Float32Array can view it where it lies.

import { CentramError } from '#core/errors.ts'
import { equalBytes, utf8 } from '../crypto/bytes.ts'
import { SIGNATURE_BYTES } from '../crypto/ed25519.ts'

export const PROTOCOL_VERSION = 1
export const HEADER_BYTES = 40
export const SESSION_ID_BYTES = 16

const MAGIC = utf8('CTRM')
/** Signed in front of every frame, so that a signature made for anything else never passes for a frame. 24 bytes. */
const DOMAIN = utf8('centram signed frame v1\n')

export interface FrameHeader {
  readonly type: number
  readonly bodyBytes: number
  readonly tailBytes: number
  readonly session: Uint8Array
  readonly sequence: number
}

/** Where the parts of a frame lie, in bytes from its start. */
export interface FrameLayout {
  readonly bodyEnd: number
  readonly tailStart: number
  readonly tailEnd: number
  readonly total: number
}

export function layoutFrame(bodyBytes: number, tailBytes: number): FrameLayout {
  const bodyEnd = HEADER_BYTES + bodyBytes
  const tailStart = Math.ceil(bodyEnd / 8) * 8
  const tailEnd = tailStart + tailBytes
  return { bodyEnd, tailStart, tailEnd, total: tailEnd + SIGNATURE_BYTES }
}

/** Whether a message begins as a frame does. */
export function looksLikeFrame(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && equalBytes(bytes.subarray(0, 4), MAGIC)
}

/** Reads a header, which may be all there is so far. Throws `FRAME_INVALID` or `VERSION_UNSUPPORTED`. */
export function readHeader(bytes: Uint8Array): FrameHeader {
  if (!looksLikeFrame(bytes)) throw invalid('it does not begin as a frame does')
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES)
  const version = view.getUint8(4)
  if (version !== PROTOCOL_VERSION) {
    throw new CentramError(
      'VERSION_UNSUPPORTED',
      `A frame of protocol version ${version} arrived, but this node speaks version ${PROTOCOL_VERSION}: reload both pages.`,
    )
  }
  if (view.getUint16(6, true) !== 0) throw invalid('it sets flags that this version does not know')
  const sequence = view.getUint32(32, true) + view.getUint32(36, true) * 2 ** 32
  if (sequence > Number.MAX_SAFE_INTEGER) throw invalid('its sequence number is beyond 2^53')
  return {
    type: view.getUint8(5),
    bodyBytes: view.getUint32(8, true),
    tailBytes: view.getUint32(12, true),
    session: bytes.slice(16, 16 + SESSION_ID_BYTES),
    sequence,
  }
}

/** Room for a frame of `total` bytes, with the signed domain lying in front of it so that neither side has to copy. */
export function allocateFrame(total: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(DOMAIN.length + total)
  bytes.set(DOMAIN)
  return bytes.subarray(DOMAIN.length)
}

/** A frame that lacks only its signature. */
export function layFrame(header: FrameHeader, body: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const layout = layoutFrame(header.bodyBytes, header.tailBytes)
  const frame = allocateFrame(layout.total)
  const view = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES)
  frame.set(MAGIC)
  view.setUint8(4, PROTOCOL_VERSION)
  view.setUint8(5, header.type)
  view.setUint32(8, header.bodyBytes, true)
  view.setUint32(12, header.tailBytes, true)
  frame.set(header.session, 16)
  view.setUint32(32, header.sequence % 2 ** 32, true)
  view.setUint32(36, Math.floor(header.sequence / 2 ** 32), true)
  frame.set(body, HEADER_BYTES)
  frame.set(tail, layout.tailStart)
  return frame
}

/** What a frame's signature covers: the domain and all of the frame before the signature. */
export function signedBytes(frame: Uint8Array): Uint8Array {
  const signed = frame.length - SIGNATURE_BYTES
  const start = frame.byteOffset - DOMAIN.length
  if (start >= 0) {
    const around = new Uint8Array(frame.buffer, start, DOMAIN.length + signed)
    if (equalBytes(around.subarray(0, DOMAIN.length), DOMAIN)) return around
  }
  const copy = new Uint8Array(DOMAIN.length + signed)
  copy.set(DOMAIN)
  copy.set(frame.subarray(0, signed), DOMAIN.length)
  return copy
}

export function signatureOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(frame.length - SIGNATURE_BYTES)
}

/** The parts of a frame whose lengths its header gives; views, not copies. Throws `FRAME_INVALID`. */
export function splitFrame(frame: Uint8Array, header: FrameHeader): { body: Uint8Array; tail: Uint8Array } {
  const layout = layoutFrame(header.bodyBytes, header.tailBytes)
  if (frame.length !== layout.total) {
    throw invalid(`it has ${frame.length} bytes, but its header says ${layout.total}`)
  }
  for (let i = layout.bodyEnd; i < layout.tailStart; i++) {
    if (frame[i] !== 0) throw invalid('its padding is not zero')
  }
  return { body: frame.subarray(HEADER_BYTES, layout.bodyEnd), tail: frame.subarray(layout.tailStart, layout.tailEnd) }
}

function invalid(what: string): CentramError {
  return new CentramError('FRAME_INVALID', `A frame was refused: ${what}.`)
}

/** The type byte of the frame whose `signedBytes` these are; undefined for what was signed as something else. */
export function signedType(bytes: Uint8Array): number | undefined {
  const isFrame = bytes.length >= DOMAIN.length + HEADER_BYTES && equalBytes(bytes.subarray(0, DOMAIN.length), DOMAIN)
  return isFrame ? bytes[DOMAIN.length + 5] : undefined
}
