// The sending end of a signed stream: numbers frames when they are sent, signs them as they come (several at once) and
// writes them in order.

import { CentramError } from '#core/errors.ts'
import type { Identity } from '../crypto/identity.ts'
import { prepareMessage, sealFrame } from './codec.ts'
import { layoutFrame } from './frame.ts'
import type { BodyOf, MessageName } from './registry.ts'

export interface OutboxOptions {
  readonly identity: Identity
  /** Takes one frame; may wait, and the next is written only then. */
  readonly write: (frame: Uint8Array<ArrayBuffer>) => void | Promise<void>
  /** Signing or writing failed: nothing more is written. */
  readonly onFail: (error: unknown) => void
  /** Bytes that may wait here before `send` refuses. */
  readonly maxWaitingBytes: number
}

export interface Outbox {
  /** Frames from here on carry this session id and are numbered from `first` (default zero). */
  begin(session: Uint8Array, first?: number): void
  /** Throws `BAD_ARGUMENT`, `FRAME_TOO_LARGE`, `NO_CAPACITY` when too much waits, `CHANNEL_CLOSED` once stopped. */
  send<Name extends MessageName>(name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  /** Bytes sent but not yet written. */
  readonly waitingBytes: number
  /** Resolves once all that was sent is written (or never will be). */
  flushed(): Promise<void>
  stop(): void
}

export function createOutbox(options: OutboxOptions): Outbox {
  let session: Uint8Array = new Uint8Array(16)
  let sequence = 0
  let waitingBytes = 0
  let stopped = false
  let written: Promise<void> = Promise.resolve()

  return {
    begin(id, first = 0) {
      session = id
      sequence = first
    },
    send(name, body, tail) {
      if (stopped) throw new CentramError('CHANNEL_CLOSED', `${name} cannot be sent: the connection is closed.`)
      const message = prepareMessage(name, body, tail)
      const bytes = layoutFrame(message.body.length, message.tail.length).total
      if (waitingBytes + bytes > options.maxWaitingBytes) {
        throw new CentramError(
          'NO_CAPACITY',
          `${name} cannot be sent: ${waitingBytes} bytes already wait for this peer. Wait for drained() between sends.`,
        )
      }
      waitingBytes += bytes
      // The frame is laid out (and the tail copied) before sealFrame first waits, so the caller may reuse its buffer.
      const sealed = sealFrame(message, options.identity, session, sequence++)
      // A failure is met where the frame would be written; until then it must not count as unhandled.
      sealed.catch(() => undefined)
      written = written.then(async () => {
        try {
          if (!stopped) {
            const frame = await sealed
            if (!stopped) await options.write(frame)
          }
        } catch (error) {
          if (!stopped) {
            stopped = true
            options.onFail(error)
          }
        } finally {
          waitingBytes -= bytes
        }
      })
    },
    get waitingBytes() {
      return waitingBytes
    },
    flushed: () => written,
    stop() {
      stopped = true
    },
  }
}
