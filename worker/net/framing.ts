// Frames over channels whose messages are smaller. A frame that fits goes as it is; a larger one as fragments of
//
//   0  magic 'CTRF'      4  index, u32, from zero      8  the next piece of the frame
//
// in order and one frame at a time. The first piece holds the frame's header, so its type's caps are checked, and the one
// buffer for it allocated, before the rest comes.

import { CentramError } from '#core/errors.ts'
import { equalBytes, utf8 } from '#core/crypto/bytes.ts'
import { admitHeader } from '#core/protocol/codec.ts'
import { allocateFrame, HEADER_BYTES, layoutFrame, type FrameHeader } from '#core/protocol/frame.ts'
import type { MessageDefinition } from '#core/protocol/message.ts'
import type { MessageName } from '#core/protocol/registry.ts'

const MAGIC = utf8('CTRF')
const FRAGMENT_HEADER_BYTES = 8

/** The messages that carry `frame`, none above `maxMessageSize` bytes. */
export function* fragmentFrame(frame: Uint8Array, maxMessageSize: number): Generator<Uint8Array> {
  if (frame.length <= maxMessageSize) {
    yield frame
    return
  }
  const pieceBytes = maxMessageSize - FRAGMENT_HEADER_BYTES
  for (let index = 0; index * pieceBytes < frame.length; index++) {
    const piece = frame.subarray(index * pieceBytes, (index + 1) * pieceBytes)
    const message = new Uint8Array(FRAGMENT_HEADER_BYTES + piece.length)
    message.set(MAGIC)
    new DataView(message.buffer).setUint32(4, index, true)
    message.set(piece, FRAGMENT_HEADER_BYTES)
    yield message
  }
}

export interface Reassembler {
  /** The frame that `message` completes, if any. Throws a coded error; nothing may be pushed after that. */
  push(message: Uint8Array): Uint8Array | null
}

/** `admit` may refuse a frame by its header, before anything is allocated for it. */
export function createReassembler(
  admit: (header: FrameHeader, definition: MessageDefinition<MessageName>) => void,
): Reassembler {
  let frame: Uint8Array | null = null
  let filled = 0
  let next = 0
  return {
    push(message) {
      if (!isFragment(message)) {
        if (frame !== null) throw invalid('a frame began before the one before it was complete')
        const { header, definition } = admitHeader(message)
        admit(header, definition)
        return message
      }
      const index = new DataView(message.buffer, message.byteOffset).getUint32(4, true)
      const piece = message.subarray(FRAGMENT_HEADER_BYTES)
      if (index !== next) throw invalid(`fragment ${index} came where ${next} was expected`)
      if (piece.length === 0) throw invalid('a fragment is empty')
      if (frame === null) {
        if (piece.length < HEADER_BYTES) throw invalid('the first fragment is shorter than a header')
        const { header, definition } = admitHeader(piece)
        admit(header, definition)
        frame = allocateFrame(layoutFrame(header.bodyBytes, header.tailBytes).total)
        filled = 0
      }
      if (filled + piece.length > frame.length) throw invalid('its fragments are longer than its header says')
      frame.set(piece, filled)
      filled += piece.length
      next++
      if (filled < frame.length) return null
      const complete = frame
      frame = null
      next = 0
      return complete
    },
  }
}

function isFragment(message: Uint8Array): boolean {
  return message.length >= FRAGMENT_HEADER_BYTES && equalBytes(message.subarray(0, 4), MAGIC)
}

function invalid(what: string): CentramError {
  return new CentramError('FRAME_INVALID', `A fragmented frame was refused: ${what}.`)
}
