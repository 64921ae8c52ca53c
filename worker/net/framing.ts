// Frames over channels whose messages are smaller. A frame that fits goes as it is; a larger one as fragments of
//
//   0  magic 'CTRF', or 'CTRB' of a bulk frame      4  index, u32, from zero      8  the next piece of the frame
//
// in order and one frame of a priority at a time: what is small and urgent passes between the pieces of a bulk frame. The first piece holds the frame's header, so its type's caps are checked, and the one
// buffer for it allocated, before the rest comes.

import { CentramError } from '#core/errors.ts'
import { equalBytes, utf8 } from '#core/crypto/bytes.ts'
import { admitHeader } from '#core/protocol/codec.ts'
import { allocateFrame, HEADER_BYTES, layoutFrame, type FrameHeader } from '#core/protocol/frame.ts'
import { priorityOf, type MessageDefinition, type Priority } from '#core/protocol/message.ts'
import type { MessageName } from '#core/protocol/registry.ts'

const MAGIC: Readonly<Record<Priority, Uint8Array>> = { interactive: utf8('CTRF'), bulk: utf8('CTRB') }
const FRAGMENT_HEADER_BYTES = 8

/** The messages that carry `frame`, none above `maxMessageSize` bytes. */
export function* fragmentFrame(frame: Uint8Array, maxMessageSize: number, priority: Priority): Generator<Uint8Array> {
  if (frame.length <= maxMessageSize) {
    yield frame
    return
  }
  const pieceBytes = maxMessageSize - FRAGMENT_HEADER_BYTES
  for (let index = 0; index * pieceBytes < frame.length; index++) {
    const piece = frame.subarray(index * pieceBytes, (index + 1) * pieceBytes)
    const message = new Uint8Array(FRAGMENT_HEADER_BYTES + piece.length)
    message.set(MAGIC[priority])
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
  const open: Record<Priority, OpenFrame | null> = { interactive: null, bulk: null }
  return {
    push(message) {
      const priority = fragmentPriority(message)
      if (priority === null) {
        const { header, definition } = admitHeader(message)
        if (open[priorityOf(definition)] !== null) throw invalid('a frame began before the one before it was complete')
        admit(header, definition)
        return message
      }
      const index = new DataView(message.buffer, message.byteOffset).getUint32(4, true)
      const piece = message.subarray(FRAGMENT_HEADER_BYTES)
      if (piece.length === 0) throw invalid('a fragment is empty')
      const current = open[priority] ?? begin(piece, priority)
      const { frame } = current
      if (index !== current.next) throw invalid(`fragment ${index} came where ${current.next} was expected`)
      if (current.filled + piece.length > frame.length) throw invalid('its fragments are longer than its header says')
      frame.set(piece, current.filled)
      current.filled += piece.length
      current.next++
      open[priority] = current.filled < frame.length ? current : null
      return open[priority] === null ? frame : null
    },
  }

  function begin(piece: Uint8Array, priority: Priority): OpenFrame {
    if (piece.length < HEADER_BYTES) throw invalid('the first fragment is shorter than a header')
    const { header, definition } = admitHeader(piece)
    if (priorityOf(definition) !== priority)
      throw invalid(`a ${definition.name} came in fragments of the other priority`)
    admit(header, definition)
    return { frame: allocateFrame(layoutFrame(header.bodyBytes, header.tailBytes).total), filled: 0, next: 0 }
  }
}

/** A frame of which some is still to come. */
interface OpenFrame {
  readonly frame: Uint8Array<ArrayBuffer>
  filled: number
  /** Index of the next fragment. */
  next: number
}

function fragmentPriority(message: Uint8Array): Priority | null {
  if (message.length < FRAGMENT_HEADER_BYTES) return null
  const magic = message.subarray(0, 4)
  return equalBytes(magic, MAGIC.interactive) ? 'interactive' : equalBytes(magic, MAGIC.bulk) ? 'bulk' : null
}

function invalid(what: string): CentramError {
  return new CentramError('FRAME_INVALID', `A fragmented frame was refused: ${what}.`)
}
