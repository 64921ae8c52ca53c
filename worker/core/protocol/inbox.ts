// The receiving end of a signed stream: frames are verified and delivered one after the other, in the order they came,
// however long a signature takes; a sender who pours faster than that is refused rather than stored.

import { CentramError } from '#core/errors.ts'

export interface InboxOptions {
  /** Verifies and delivers one frame. A rejection ends the stream. */
  readonly process: (frame: Uint8Array) => Promise<void>
  readonly onFail: (error: unknown) => void
  readonly maxWaitingBytes: number
}

export interface Inbox {
  push(frame: Uint8Array): void
  /** Frames whose turn has not come. */
  readonly waiting: number
  /** Resolves once all that was pushed is delivered (or never will be). */
  idle(): Promise<void>
  stop(): void
}

export function createInbox(options: InboxOptions): Inbox {
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let running: Promise<void> | null = null
  let stopped = false

  const fail = (error: unknown) => {
    if (stopped) return
    stopped = true
    waiting.length = 0
    options.onFail(error)
  }
  const run = async () => {
    for (let frame = waiting.shift(); frame !== undefined; frame = waiting.shift()) {
      try {
        await options.process(frame)
      } catch (error) {
        fail(error)
      }
      waitingBytes -= frame.length
    }
    running = null
  }
  return {
    push(frame) {
      if (stopped) return
      if (waitingBytes + frame.length > options.maxWaitingBytes && waitingBytes > 0) {
        fail(new CentramError('RATE_LIMITED', 'Messages came faster than their signatures can be verified.'))
        return
      }
      waiting.push(frame)
      waitingBytes += frame.length
      running ??= run()
    },
    get waiting() {
      return waiting.length
    },
    idle: () => running ?? Promise.resolve(),
    stop() {
      stopped = true
      waiting.length = 0
    },
  }
}
