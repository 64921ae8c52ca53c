// The sending side of one stream: reads its source as far as the receiver granted, keeps what is not confirmed yet, so that
// it can go on from there after a break, and ends when the receiver found the whole to be what it was.

import type { Clock, Timer } from '#core/clock.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import { createSha256 } from '#core/crypto/hash.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import { createKeptBytes } from './kept-bytes.ts'

/** Bytes read from the source and not confirmed, at most; a piece of the source may go over it. */
const MAX_UNCONFIRMED_BYTES = 4 * 1024 * 1024
/** Of one STREAM_DATA. */
const DATA_BYTES = 64 * 1024

export type StreamAbout = Omit<BodyOf<'STREAM_OPEN'>, 'stream'>
/** Sends to the stream's peer; false when there is no open link now. */
export type StreamSend = <Name extends PeerMessageName>(name: Name, body: BodyOf<Name>, tail?: Uint8Array) => boolean

export interface OutgoingStream {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** What the receiver has for certain. */
  readonly confirmedBytes: number
  /** Resolves once the receiver has all and found it whole; rejects with the code of whoever gave it up. */
  readonly done: Promise<void>
  cancel(code?: ErrorCode, message?: string): void
}

/** What streams.ts drives it by. */
export interface OutgoingControls {
  readonly stream: OutgoingStream
  readonly about: StreamAbout
  /** Whether `sendNext` has something to do. */
  ready(): boolean
  sendNext(): void
  /** Offers it, the first time or after a break: nothing on its way before will arrive. */
  offer(): void
  accepted(credit: number): void
  credited(offset: number, credit: number): void
  resumed(offset: number, credit: number): void
  ended(length: number, root: Uint8Array): void
  /** Given up by the other side, or for lack of it. */
  fail(error: Error): void
}

export interface OutgoingOptions {
  readonly id: Uint8Array
  readonly about: StreamAbout
  /** Pieces of any size; each is copied before the next is asked for. */
  readonly source: AsyncIterable<Uint8Array>
  readonly clock: Clock
  readonly send: StreamSend
  readonly onReady: () => void
  readonly onClosed: () => void
}

export function createOutgoingStream(options: OutgoingOptions): OutgoingControls {
  const { id, about, clock, send } = options
  const source = options.source[Symbol.asyncIterator]()
  const hash = createSha256()
  const kept = createKeptBytes(DATA_BYTES)
  let state: 'offered' | 'flowing' | 'closed' = 'offered'
  let confirmed = 0
  let credit = 0
  /** Offset of the next byte to send. */
  let next = 0
  /** What may be sent: whole blocks, and part of one only when the source has nothing more at hand. */
  let sendable = 0
  let lull: Timer | undefined
  let end: { readonly length: number; readonly root: Uint8Array } | null = null
  let endSaid = false
  /** Offers that the receiver has not answered. */
  let offers = 1
  let reading = false
  let settle: { resolve(): void; reject(error: Error): void }
  const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }))
  // Not everyone who opens a stream waits for its end.
  done.catch(() => undefined)

  const close = (error: Error | null) => {
    if (state === 'closed') return
    state = 'closed'
    clock.clearTimeout(lull)
    kept.dropBefore(kept.end)
    if (end === null) void Promise.resolve(source.return?.()).catch(() => undefined)
    if (error === null) settle.resolve()
    else settle.reject(error)
    options.onClosed()
  }
  const reset = (code: ErrorCode, message: string) => {
    if (state === 'closed') return
    send('STREAM_RESET', { stream: id, code, message: message.slice(0, 512) })
    close(new CentramError(code, message))
  }
  const fill = async () => {
    if (reading || end !== null) return
    reading = true
    try {
      while (isOpen() && kept.end < credit && kept.end - confirmed < MAX_UNCONFIRMED_BYTES) {
        const result = await source.next()
        if (!isOpen()) return
        if (result.done === true) {
          end = { length: kept.end, root: hash.digest() }
          if (about.length !== null && about.length !== kept.end) {
            throw new CentramError('SOURCE_CHANGED', `A stream of ${about.length} bytes ended after ${kept.end}.`)
          }
          break
        }
        if (result.value.length === 0) continue
        hash.update(result.value)
        kept.append(result.value)
        allow(kept.end - (kept.end % DATA_BYTES))
        clock.clearTimeout(lull)
        lull = clock.setTimeout(() => allow(kept.end), 0)
      }
    } catch (error) {
      reset(errorCode(error), errorMessage(error))
    } finally {
      reading = false
    }
    allow(kept.end)
    options.onReady()
  }
  const allow = (offset: number) => {
    if (offset <= sendable) return
    sendable = offset
    options.onReady()
  }
  const isOpen = () => state !== 'closed'
  const confirm = (offset: number, granted: number) => {
    if (offset < confirmed || offset > kept.end || granted < credit) {
      throw new CentramError('PROTOCOL_VIOLATION', `Credit of a stream went from ${credit} to ${granted} at ${offset}.`)
    }
    confirmed = offset
    credit = granted
    next = Math.max(next, offset)
    kept.dropBefore(confirmed)
    void fill()
    options.onReady()
  }

  return {
    about,
    stream: {
      id,
      get confirmedBytes() {
        return confirmed
      },
      done,
      cancel: (code = 'CANCELLED', message = 'No longer wanted.') => reset(code, message),
    },
    ready: () => state === 'flowing' && (next < Math.min(sendable, credit) || (next === end?.length && !endSaid)),
    sendNext() {
      if (state !== 'flowing') return
      if (next === end?.length) {
        endSaid = send('STREAM_END', { stream: id, ...end })
        return
      }
      const bytes = kept.view(next, Math.min(sendable, credit))
      if (bytes.length > 0 && send('STREAM_DATA', { stream: id, offset: next }, bytes)) next += bytes.length
    },
    offer() {
      state = 'offered'
      offers++
      send('STREAM_OPEN', { stream: id, ...about })
    },
    accepted(granted) {
      answered()
      if (confirmed > 0) {
        // Whoever accepts anew was started anew, and what it lacks is gone here.
        reset('SOURCE_CHANGED', 'The receiver began anew in the middle of a stream.')
        return
      }
      state = 'flowing'
      next = 0
      endSaid = false
      credit = 0
      confirm(0, granted)
    },
    credited(offset, granted) {
      // What was granted between an offer and its answer is in the answer.
      if (state === 'flowing') confirm(offset, granted)
    },
    resumed(offset, granted) {
      answered()
      state = 'flowing'
      next = offset
      endSaid = false
      confirm(offset, granted)
    },
    ended(length, root) {
      if (end === null || length !== end.length || !equalBytes(root, end.root)) {
        throw new CentramError('PROTOCOL_VIOLATION', 'The end of a stream was confirmed that was never said.')
      }
      close(null)
    },
    fail: close,
  }

  function answered(): void {
    if (offers-- <= 0) throw new CentramError('PROTOCOL_VIOLATION', 'A stream was accepted that was not offered.')
  }
}
