// A pair of channels within one process: for tests and simulations. What is sent is copied and arrives later, in order,
// as over a wire; the wire can be interrupted, healed and cut.

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
}

export function createMemoryLink(options: MemoryLinkOptions = {}): MemoryLink {
  const maxMessageSize = options.maxMessageSize ?? 64 * 1024
  const schedule = options.schedule ?? queueMicrotask
  let interrupted = false
  let held: (() => void)[] = []
  const travel = (deliver: () => void) =>
    schedule(() => {
      if (interrupted) held.push(deliver)
      else deliver()
    })

  const first = createEnd(maxMessageSize)
  const second = createEnd(maxMessageSize)
  connect(first, second, travel)
  connect(second, first, travel)
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

function connect(from: End, to: End, travel: (deliver: () => void) => void): void {
  from.transmit = (message) =>
    travel(() => {
      from.sent(message.length)
      to.receive(message)
    })
  from.closeOther = (reason) => travel(() => to.close(reason))
}

function createEnd(maxMessageSize: number): End {
  let bufferedBytes = 0
  let closed: string | null = null
  let listener: ((message: Uint8Array<ArrayBuffer>) => void) | null = null
  let early: Uint8Array<ArrayBuffer>[] = []
  const closeListeners: ((reason: string) => void)[] = []
  let waiters: { resolve: () => void; reject: (error: Error) => void }[] = []
  const closedError = () => new CentramError('CHANNEL_CLOSED', `The channel is closed: ${closed ?? 'unknown reason'}.`)

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
      if (bufferedBytes >= HIGH_WATER_BYTES) return
      const ready = waiters
      waiters = []
      for (const waiter of ready) waiter.resolve()
    },
    close(reason) {
      if (closed !== null) return
      closed = reason
      for (const waiter of waiters) waiter.reject(closedError())
      waiters = []
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
      drained() {
        if (closed !== null) return Promise.reject(closedError())
        if (bufferedBytes < HIGH_WATER_BYTES) return Promise.resolve()
        return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
      },
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
