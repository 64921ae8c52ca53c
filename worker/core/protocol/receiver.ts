// What a frame must be before its signature is even looked at: of this session, next in order, legal in this state, from
// the right side, and not too often.
//
// One connection delivers in order and loses nothing while it lives, so the next frame's number is known exactly: a
// repeated, reordered, dropped or invented frame all show as a wrong number. That is a replay window without an end. Bulk
// frames are numbered on their own, since others overtake them on purpose. Where a session goes over several connections at
// once, frames overtake one another, and a window decides.

import { CentramError } from '#core/errors.ts'
import { equalBytes } from '../crypto/bytes.ts'
import type { FrameHeader } from './frame.ts'
import { priorityOf, type Direction, type MessageDefinition, type RateClass, type SessionState } from './message.ts'
import { messageOfType, type MessageName } from './registry.ts'
import { createReplayWindow } from './replay-window.ts'

export interface ReceiverOptions {
  /** Directions the other side may send in. */
  readonly directions: readonly Direction[]
  readonly allow: (rate: RateClass) => boolean
  /**
   * Which numbers may come: the next one (default); any higher one, where the server drops what comes too fast; or, with
   * several connections, any one of the last `REPLAY_WINDOW` that did not come yet.
   */
  readonly order?: 'next' | 'higher' | 'window'
}

export interface Receiver {
  state: SessionState
  /** Frames from here on must carry this session id and are numbered from zero. */
  begin(session: Uint8Array): void
  /** Throws `PROTOCOL_VIOLATION`, `REPLAYED` or `RATE_LIMITED`; changes nothing. */
  check(header: FrameHeader, definition: MessageDefinition<MessageName>): void
  /** Counts the frame that was just verified. */
  accept(header: FrameHeader): void
}

export function createReceiver(state: SessionState, options: ReceiverOptions): Receiver {
  let session: Uint8Array = new Uint8Array(16)
  const createCount = () => ({ next: 0, window: options.order === 'window' ? createReplayWindow() : null })
  let counts = { interactive: createCount(), bulk: createCount() }
  return {
    state,
    begin(id) {
      session = id
      counts = { interactive: createCount(), bulk: createCount() }
    },
    check(header, definition) {
      const { name } = definition
      const { next, window } = counts[priorityOf(definition)]
      if (!equalBytes(header.session, session)) {
        throw new CentramError('PROTOCOL_VIOLATION', `A ${name} was refused: it belongs to another session.`)
      }
      if (!definition.states.includes(this.state) || !options.directions.includes(definition.direction)) {
        throw new CentramError('PROTOCOL_VIOLATION', `A ${name} was refused: it is not expected now (${this.state}).`)
      }
      const repeated = window ? window.check(header.sequence) !== 'new' : header.sequence < next
      if (repeated) {
        throw new CentramError('REPLAYED', `A ${name} was refused: number ${header.sequence} came before.`)
      }
      if (header.sequence > next && (options.order ?? 'next') === 'next') {
        throw new CentramError('PROTOCOL_VIOLATION', `A ${name} was refused: ${next} is missing before it.`)
      }
      if (!options.allow(definition.rate)) {
        throw new CentramError('RATE_LIMITED', `A ${name} was refused: too many ${definition.rate} messages.`)
      }
    },
    accept(header) {
      const definition = messageOfType(header.type)
      if (definition === undefined) return
      const count = counts[priorityOf(definition)]
      count.next = header.sequence + 1
      count.window?.accept(header.sequence)
    },
  }
}
