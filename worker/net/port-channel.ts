// A Channel over a MessagePort: between two workers, or from a worker to a page that relays to a data channel it cannot
// transfer. A port has no back-pressure of its own, so the receiver gives credit for what it has passed on.
//
// On the port: an ArrayBuffer is one message, moved, not copied; `{ credit }` says that many bytes have left the other
// side for good; `{ close }` is the last thing said.

import { createDrain } from '#core/drain.ts'
import { CentramError } from '#core/errors.ts'
import { HIGH_WATER_BYTES, type Channel } from './channel.ts'

export type PortMessage = ArrayBuffer | { readonly credit: number } | { readonly close: string }

/** The part of MessagePort that is used, so that Node.js's ports fit too. */
export interface PortLike {
  postMessage(message: PortMessage, transfer: ArrayBuffer[]): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  start(): void
  close(): void
}

const DEFAULT_MESSAGE_BYTES = 64 * 1024
/** Credit is given in portions, so that a small message does not cost two; well below the least window of bulk. */
const CREDIT_PORTION_BYTES = 16 * 1024

export function createPortChannel(port: PortLike, maxMessageSize = DEFAULT_MESSAGE_BYTES): Channel {
  let listener: ((message: Uint8Array<ArrayBuffer>) => void) | null = null
  let early: Uint8Array<ArrayBuffer>[] = []
  let bufferedBytes = 0
  let owedCredit = 0
  let closed: string | null = null
  const closeListeners: ((reason: string) => void)[] = []
  const closedError = () => new CentramError('CHANNEL_CLOSED', `The channel is closed: ${closed ?? 'unknown reason'}.`)
  const drain = createDrain(() => bufferedBytes)

  const end = (reason: string) => {
    if (closed !== null) return
    closed = reason
    drain.fail(closedError())
    for (const listen of closeListeners) listen(reason)
  }
  const deliver = (message: Uint8Array<ArrayBuffer>) => {
    listener?.(message)
    owedCredit += message.length
    if (owedCredit < CREDIT_PORTION_BYTES || closed !== null) return
    port.postMessage({ credit: owedCredit }, [])
    owedCredit = 0
  }
  const takeCredit = (bytes: number) => {
    bufferedBytes = Math.max(0, bufferedBytes - bytes)
    drain.shrunk()
  }

  port.addEventListener('message', ({ data }) => {
    if (closed !== null) return
    if (data instanceof ArrayBuffer) {
      const message = new Uint8Array(data)
      if (listener === null) early.push(message)
      else deliver(message)
    } else if (isControl(data, 'credit', 'number')) takeCredit(data.credit)
    else if (isControl(data, 'close', 'string')) {
      end(data.close)
      port.close()
    }
  })
  port.start()

  return {
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
      const moved = new Uint8Array(message).buffer
      port.postMessage(moved, [moved])
    },
    drained: (bytes = HIGH_WATER_BYTES) => drain.below(bytes),
    get bufferedBytes() {
      return bufferedBytes
    },
    onMessage(listen) {
      listener = listen
      const messages = early
      early = []
      for (const message of messages) deliver(message)
    },
    onClose(listen) {
      if (closed !== null) listen(closed)
      else closeListeners.push(listen)
    },
    close(reason = 'closed here') {
      if (closed !== null) return
      port.postMessage({ close: reason }, [])
      end(reason)
      // A port closes only after what it was given; in some engines a turn later is needed for that.
      queueMicrotask(() => port.close())
    },
  }
}

function isControl<Key extends 'credit' | 'close', Kind extends 'number' | 'string'>(
  data: unknown,
  key: Key,
  kind: Kind,
): data is Record<Key, Kind extends 'number' ? number : string> {
  return typeof data === 'object' && data !== null && key in data && typeof (data as Record<Key, unknown>)[key] === kind
}
