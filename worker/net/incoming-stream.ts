// The receiving side of one stream: puts its bytes in order, hands them to one reader at the reader's pace, and grants the
// sender no more than a window beyond what was read.

import { equalBytes } from '#core/crypto/bytes.ts'
import { createSha256 } from '#core/crypto/hash.ts'
import { CentramError, type ErrorCode } from '#core/errors.ts'
import type { StreamAbout, StreamSend } from './outgoing-stream.ts'

/** Bytes that may be on their way or unread, at most. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
/** Credit is granted in portions, so that a piece does not cost a message. */
const CREDIT_PORTION_BYTES = STREAM_WINDOW_BYTES / 8

export interface StreamEnd {
  readonly length: number
  readonly root: Uint8Array
}

/** What streams.ts drives it by. */
export interface IncomingControls {
  /** One reader's; the first `next` accepts the stream, `return` gives it up. */
  readonly bytes: AsyncIterableIterator<Uint8Array>
  readonly accepted: boolean
  data(offset: number, bytes: Uint8Array): void
  ended(end: StreamEnd): void
  /** The sender offers it again: not all that was on its way will arrive. */
  resume(): void
  /** Tells the sender, and the reader if one waits. */
  refuse(code: ErrorCode, message: string): void
  /** Given up by the other side, or for lack of it. */
  fail(error: Error): void
}

export interface IncomingOptions {
  readonly id: Uint8Array
  readonly about: StreamAbout
  readonly send: StreamSend
  /** Once; with its end where it was received whole. */
  readonly onClosed: (end: StreamEnd | null) => void
}

export function createIncomingStream(options: IncomingOptions): IncomingControls {
  const { id, about, send } = options
  const hash = createSha256()
  /** In order and not yet read. */
  const ready: Uint8Array[] = []
  /** Came before what is in front of it: by offset. */
  const early = new Map<number, Uint8Array>()
  let earlyBytes = 0
  let state: 'offered' | 'open' | 'closed' = 'offered'
  let failure: Error | null = null
  let received = 0
  let consumed = 0
  let credit = 0
  let end: StreamEnd | null = null
  let handedOut = 0
  let wake: (() => void) | null = null

  const wakeReader = () => {
    wake?.()
    wake = null
  }
  const close = (error: Error | null, whole: StreamEnd | null) => {
    if (state === 'closed') return
    state = 'closed'
    failure = error
    if (error !== null) ready.length = 0
    early.clear()
    wakeReader()
    options.onClosed(whole)
  }
  const refuse = (code: ErrorCode, message: string) => {
    if (state === 'closed') return
    const name = state === 'offered' ? 'STREAM_REJECT' : 'STREAM_RESET'
    sendFarewell(name, code, message)
    close(new CentramError(code, message), null)
  }
  const sendFarewell = (name: 'STREAM_REJECT' | 'STREAM_RESET', code: ErrorCode, message: string) => {
    const body = { stream: id, code, message: message.slice(0, 512) }
    if (name === 'STREAM_REJECT') send('STREAM_REJECT', body)
    else send('STREAM_RESET', body)
  }
  const grant = () => {
    if (consumed + STREAM_WINDOW_BYTES < credit + CREDIT_PORTION_BYTES || end?.length === received) return
    credit = consumed + STREAM_WINDOW_BYTES
    send('STREAM_CREDIT', { stream: id, offset: received, credit })
  }
  const begin = () => {
    state = 'open'
    credit = STREAM_WINDOW_BYTES
    send('STREAM_ACCEPT', { stream: id, credit })
  }
  /** What was handed out last is done with as soon as the reader asks for more. */
  const consumeLast = () => {
    consumed += handedOut
    handedOut = 0
    if (state === 'open') grant()
  }
  const finish = (): IteratorResult<Uint8Array> => {
    const whole = end as StreamEnd
    if (!equalBytes(hash.digest(), whole.root)) {
      refuse('SOURCE_CORRUPT', 'The bytes of a stream were not those that its sender hashed.')
      throw failure as Error
    }
    send('STREAM_END', { stream: id, ...whole })
    close(null, whole)
    return { done: true, value: undefined }
  }
  const violation = (what: string) => new CentramError('PROTOCOL_VIOLATION', `A stream was refused: ${what}.`)

  const bytes: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => bytes,
    async next() {
      if (state === 'offered') begin()
      consumeLast()
      for (;;) {
        if (failure !== null) throw failure
        const piece = ready.shift()
        if (piece !== undefined) {
          hash.update(piece)
          handedOut = piece.length
          return { done: false, value: piece }
        }
        if (state === 'closed') return { done: true, value: undefined }
        if (end !== null && received === end.length) return finish()
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    async return() {
      refuse('CANCELLED', 'The reader of a stream stopped reading.')
      return { done: true, value: undefined }
    },
  }

  return {
    bytes,
    get accepted() {
      return state !== 'offered'
    },
    data(offset, piece) {
      if (state === 'closed') return
      if (state === 'offered') throw violation('bytes came before it was accepted')
      if (offset + piece.length > credit) throw violation('bytes came beyond what was granted')
      const length = end?.length ?? about.length
      if (length !== null && offset + piece.length > length) throw violation('it is longer than was said')
      // Sent again after a break: what came the first time stays.
      if (offset + piece.length <= received) return
      if (offset > received) {
        if (early.has(offset)) return
        earlyBytes += piece.length
        // Pieces cut anew after a break may overlap; far more than a window in them is no accident.
        if (earlyBytes > 2 * STREAM_WINDOW_BYTES) throw violation('its bytes came too often')
        early.set(offset, piece)
        return
      }
      take(piece.subarray(received - offset))
      for (;;) {
        const following = [...early].find(([at]) => at <= received)
        if (following === undefined) break
        const [at, bytesThere] = following
        early.delete(at)
        earlyBytes -= bytesThere.length
        if (at + bytesThere.length > received) take(bytesThere.subarray(received - at))
      }
      wakeReader()
    },
    ended(said) {
      if (state === 'closed') return
      if (state === 'offered') throw violation('it ended before it was accepted')
      const known = end?.length ?? about.length
      if (said.length < received || said.length > credit || (known !== null && known !== said.length)) {
        throw violation('its end lies elsewhere than was said')
      }
      end = said
      wakeReader()
    },
    resume() {
      if (state !== 'open') return
      credit = Math.max(credit, consumed + STREAM_WINDOW_BYTES)
      send('STREAM_RESUME', { stream: id, offset: received, credit })
    },
    refuse,
    fail: (error) => close(error, null),
  }

  function take(piece: Uint8Array): void {
    received += piece.length
    ready.push(piece)
  }
}
