// A Channel over an RTCDataChannel, on the page or transferred to a worker. The data channel must be ordered and reliable.

import { createDrain } from '#core/drain.ts'
import { CentramError } from '#core/errors.ts'
import { HIGH_WATER_BYTES, type Channel } from './channel.ts'

/** Every browser takes messages of this size, and a small one does not hold others up for long. */
export const RTC_MESSAGE_BYTES = 64 * 1024
/** Chromium throws beyond 16 MiB; what is above this waits here instead. */
const MAX_BUFFERED_AMOUNT = 8 * 1024 * 1024
/** The browser tells when its queue has shrunk to this, and to less where somebody waits for less. */
const LOW_WATER_BYTES = 1024 * 1024

/** The part of RTCDataChannel that is used; other implementations of WebRTC have it too. */
export interface DataChannelLike {
  readonly readyState: 'connecting' | 'open' | 'closing' | 'closed'
  readonly bufferedAmount: number
  bufferedAmountLowThreshold: number
  binaryType: string
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(type: 'open' | 'close' | 'error' | 'bufferedamountlow', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

/** Makes a channel of `rtc`, which may still be connecting: what is sent before it opens leaves when it does. */
export function createRtcChannel(rtc: DataChannelLike): Channel {
  let listener: ((message: Uint8Array<ArrayBuffer>) => void) | null = null
  let early: Uint8Array<ArrayBuffer>[] = []
  let closed: string | null = null
  const closeListeners: ((reason: string) => void)[] = []
  let queue: Uint8Array<ArrayBuffer>[] = []
  let queuedBytes = 0
  const closedError = () => new CentramError('CHANNEL_CLOSED', `The channel is closed: ${closed ?? 'unknown reason'}.`)
  const bufferedBytes = () => queuedBytes + (closed === null ? rtc.bufferedAmount : 0)
  const drain = createDrain(bufferedBytes)

  const end = (reason: string) => {
    if (closed !== null) return
    closed = reason
    queue = []
    queuedBytes = 0
    drain.fail(closedError())
    for (const listen of closeListeners) listen(reason)
  }
  const flush = () => {
    if (closed !== null || rtc.readyState !== 'open') return
    let sent = 0
    for (const message of queue) {
      if (rtc.bufferedAmount > 0 && rtc.bufferedAmount + message.length > MAX_BUFFERED_AMOUNT) break
      try {
        rtc.send(message)
      } catch (error) {
        end(`sending failed: ${String(error)}`)
        return
      }
      queuedBytes -= message.length
      sent++
    }
    queue.splice(0, sent)
    drain.shrunk()
    rtc.bufferedAmountLowThreshold = Math.min(LOW_WATER_BYTES, (drain.least ?? Infinity) - 1)
  }

  rtc.binaryType = 'arraybuffer'
  rtc.bufferedAmountLowThreshold = LOW_WATER_BYTES
  rtc.addEventListener('open', flush)
  rtc.addEventListener('bufferedamountlow', flush)
  rtc.addEventListener('close', () => end('closed by the other side'))
  rtc.addEventListener('error', () => end('the data channel failed'))
  rtc.addEventListener('message', ({ data }) => {
    if (closed !== null) return
    if (!(data instanceof ArrayBuffer)) {
      rtc.close()
      end('the other side sent text, where only bytes are legal')
      return
    }
    const message = new Uint8Array(data)
    if (listener === null) early.push(message)
    else listener(message)
  })
  if (rtc.readyState === 'closing' || rtc.readyState === 'closed') end('closed before it could be used')

  return {
    maxMessageSize: RTC_MESSAGE_BYTES,
    send(message) {
      if (closed !== null) throw closedError()
      if (message.length > RTC_MESSAGE_BYTES) {
        throw new CentramError(
          'FRAME_TOO_LARGE',
          `A message of ${message.length} bytes is above the channel’s ${RTC_MESSAGE_BYTES}.`,
        )
      }
      // What waits is copied, since the sender may reuse its buffer; what leaves at once is copied by the browser.
      const mustWait =
        rtc.readyState !== 'open' || queue.length > 0 || rtc.bufferedAmount + message.length > MAX_BUFFERED_AMOUNT
      queue.push(mustWait ? new Uint8Array(message) : (message as Uint8Array<ArrayBuffer>))
      queuedBytes += message.length
      if (!mustWait || rtc.bufferedAmount === 0) flush()
    },
    drained(bytes = HIGH_WATER_BYTES) {
      if (closed === null) rtc.bufferedAmountLowThreshold = Math.min(rtc.bufferedAmountLowThreshold, bytes - 1)
      return drain.below(bytes)
    },
    get bufferedBytes() {
      return bufferedBytes()
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
      // What waits here still leaves: closing a data channel sends what it was given first (W3C WebRTC §6.2.4).
      for (const message of rtc.readyState === 'open' ? queue : []) {
        try {
          rtc.send(message)
        } catch {
          break
        }
      }
      end(reason)
      rtc.close()
    },
  }
}
