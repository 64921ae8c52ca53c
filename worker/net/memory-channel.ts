// A pair of channels within one process: for tests and simulations. What is sent is copied and arrives later, in order,
// as over a wire; the wire can be interrupted, healed and cut.

import { createDrain } from '#core/drain.ts'
import { CentramError } from '#core/errors.ts'
import { HIGH_WATER_BYTES, type Channel } from './channel.ts'

export interface MemoryLink {
  readonly ends: readonly [Channel, Channel]
  /** Nothing arrives until `heal`, in either direction; nothing is lost. */
  interrupt(): void
  heal(): void
  /** Both ends see the link close. */
  cut(reason: string): void
}

export interface MemoryLinkOptions {
  readonly maxMessageSize?: number
  /** Called for each delivery; default: a microtask later. */
  readonly schedule?: (deliver: () => void) => void
  /** Made once for each direction of a link; it decides when messages leave and arrive. Instead of `schedule`. */
  readonly makeLine?: () => MemoryLine
}

/** A direction with a speed and a length. */
export interface MemoryLine {
  /** Calls `left` when the message is no longer in the sender's queue, and `arrive` later, both in order. */
  carry(bytes: number, left: () => void, arrive: () => void): void
}

export function createMemoryLink(options: MemoryLinkOptions = {}): MemoryLink {
  const maxMessageSize = options.maxMessageSize ?? 64 * 1024
  const schedule = options.schedule ?? queueMicrotask
  const makeLine =
    options.makeLine ??
    (() => ({
      carry: (_bytes, left, arrive) =>
        schedule(() => {
          left()
          arrive()
        }),
    }))
  let interrupted = false
  let held: (() => void)[] = []
  const unlessHeld = (happen: () => void) => () => {
    if (interrupted) held.push(happen)
    else happen()
  }
  const makeHoldingLine = (): MemoryLine => {
    const line = makeLine()
    return { carry: (bytes, left, arrive) => line.carry(bytes, unlessHeld(left), unlessHeld(arrive)) }
  }

  const first = createEnd(maxMessageSize)
  const second = createEnd(maxMessageSize)
  connect(first, second, makeHoldingLine())
  connect(second, first, makeHoldingLine())
  return {
    ends: [first.channel, second.channel],
    interrupt() {
      interrupted = true
    },
    heal() {
      interrupted = false
      const waiting = held
      held = []
      for (const deliver of waiting) deliver()
    },
    cut(reason) {
      first.close(reason)
      second.close(reason)
    },
  }
}

interface End {
  readonly channel: Channel
  receive(message: Uint8Array<ArrayBuffer>): void
  sent(bytes: number): void
  close(reason: string): void
  transmit: (message: Uint8Array<ArrayBuffer>) => void
  closeOther: (reason: string) => void
}

function connect(from: End, to: End, line: MemoryLine): void {
  from.transmit = (message) =>
    line.carry(
      message.length,
      () => from.sent(message.length),
      () => to.receive(message),
    )
  from.closeOther = (reason) =>
    line.carry(
      0,
      () => undefined,
      () => to.close(reason),
    )
}

function createEnd(maxMessageSize: number): End {
  let bufferedBytes = 0
  let closed: string | null = null
  let listener: ((message: Uint8Array<ArrayBuffer>) => void) | null = null
  let early: Uint8Array<ArrayBuffer>[] = []
  const closeListeners: ((reason: string) => void)[] = []
  const closedError = () => new CentramError('CHANNEL_CLOSED', `The channel is closed: ${closed ?? 'unknown reason'}.`)
  const drain = createDrain(() => bufferedBytes)

  const end: End = {
    transmit: () => undefined,
    closeOther: () => undefined,
    receive(message) {
      if (closed !== null) return
      if (listener === null) early.push(message)
      else listener(message)
    },
    sent(bytes) {
      bufferedBytes -= bytes
      drain.shrunk()
    },
    close(reason) {
      if (closed !== null) return
      closed = reason
      drain.fail(closedError())
      for (const listen of closeListeners) listen(reason)
    },
    channel: {
      maxMessageSize,
      send(message) {
        if (closed !== null) throw closedError()
        if (message.length > maxMessageSize) {
          throw new CentramError(
            'FRAME_TOO_LARGE',
            `A message of ${message.length} bytes is above the channel’s ${maxMessageSize}.`,
          )
        }
        bufferedBytes += message.length
        end.transmit(new Uint8Array(message))
      },
      drained: (bytes = HIGH_WATER_BYTES) => drain.below(bytes),
      get bufferedBytes() {
        return bufferedBytes
      },
      onMessage(listen) {
        listener = listen
        const messages = early
        early = []
        for (const message of messages) listen(message)
      },
      onClose(listen) {
        if (closed !== null) listen(closed)
        else closeListeners.push(listen)
      },
      close(reason = 'closed here') {
        if (closed !== null) return
        end.close(reason)
        end.closeOther(reason)
      },
    },
  }
  return end
}
