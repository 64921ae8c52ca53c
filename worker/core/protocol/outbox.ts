// The sending end of a signed stream: numbers frames when they are sent, signs them as they come (several at once) and
// writes them in order. Bulk frames form a line of their own, numbered apart and signed a few ahead, so that neither a
// signature nor a place on the wire is waited for behind them.

import { createDrain, type Drain } from '#core/drain.ts'
import { CentramError } from '#core/errors.ts'
import type { Identity } from '../crypto/identity.ts'
import { layMessage, prepareMessage, signFrame } from './codec.ts'
import { layoutFrame } from './frame.ts'
import { priorityOf, type Priority } from './message.ts'
import { messageNamed, type BodyOf, type MessageName } from './registry.ts'

/** Bulk frames that are signed before their turn: enough to keep a channel busy, too few to keep the signer busy. */
const BULK_AHEAD = 4

export interface OutboxOptions {
  readonly identity: Identity
  /** Takes one frame of a priority; may wait, and the next one of that priority is written only then. */
  readonly write: (frame: Uint8Array<ArrayBuffer>, priority: Priority) => void | Promise<void>
  /** Signing or writing failed: nothing more is written. */
  readonly onFail: (error: unknown) => void
  /** Bytes of one priority that may wait here before `send` refuses. */
  readonly maxWaitingBytes: number
}

export interface Outbox {
  /** Frames from here on carry this session id and are numbered from `first` (default zero). */
  begin(session: Uint8Array, first?: number): void
  /** Throws `BAD_ARGUMENT`, `FRAME_TOO_LARGE`, `NO_CAPACITY` when too much waits, `CHANNEL_CLOSED` once stopped. */
  send<Name extends MessageName>(name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  /** Queues a frame that another node signed, unread and unnumbered. Throws `NO_CAPACITY` and `CHANNEL_CLOSED` as `send` does. */
  pass(frame: Uint8Array<ArrayBuffer>): void
  /** Bytes sent but not yet written. */
  waitingBytes(priority: Priority): number
  /** Resolves when fewer than `bytes` of that priority wait; rejects with `CHANNEL_CLOSED` once stopped. */
  drained(priority: Priority, bytes: number): Promise<void>
  /** Resolves once all that was sent so far, bulk excepted, is written (or never will be). */
  flushed(): Promise<void>
  stop(): void
}

interface Line {
  readonly priority: Priority
  readonly drain: Drain
  sequence: number
  waitingBytes: number
  /** Settles when the last frame sent so far is written. */
  written: Promise<void>
  /** The same of the latest `BULK_AHEAD` frames: the first of them must be gone before one more is signed. */
  readonly latest: Promise<void>[]
}

export function createOutbox(options: OutboxOptions): Outbox {
  let session: Uint8Array = new Uint8Array(16)
  let stopped = false
  const lines = { interactive: createLine('interactive'), bulk: createLine('bulk') }

  const admit = (line: Line, bytes: number, what: string) => {
    if (stopped) throw new CentramError('CHANNEL_CLOSED', `${what} cannot be sent: the connection is closed.`)
    if (line.waitingBytes + bytes > options.maxWaitingBytes) {
      throw new CentramError(
        'NO_CAPACITY',
        `${what} cannot be sent: ${line.waitingBytes} bytes already wait for this peer. Wait for drained() between sends.`,
      )
    }
  }
  const enqueue = (line: Line, bytes: number, seal: () => Promise<Uint8Array<ArrayBuffer>>) => {
    line.waitingBytes += bytes
    const room = line.priority === 'bulk' && line.latest.length === BULK_AHEAD ? line.latest.shift() : undefined
    const sealed = room === undefined ? seal() : room.then(seal)
    // A failure is met where the frame would be written; until then it must not count as unhandled.
    sealed.catch(() => undefined)
    line.written = line.written.then(async () => {
      try {
        if (!stopped) {
          const frame = await sealed
          if (!stopped) await options.write(frame, line.priority)
        }
      } catch (error) {
        if (!stopped) {
          stop()
          options.onFail(error)
        }
      } finally {
        line.waitingBytes -= bytes
        line.drain.shrunk()
      }
    })
    if (line.priority === 'bulk') line.latest.push(line.written)
  }
  const stop = () => {
    stopped = true
    const closed = new CentramError('CHANNEL_CLOSED', 'The connection closed while messages waited.')
    for (const line of Object.values(lines)) line.drain.fail(closed)
  }

  return {
    begin(id, first = 0) {
      session = id
      for (const line of Object.values(lines)) line.sequence = first
    },
    send(name, body, tail) {
      const line = lines[priorityOf(messageNamed(name))]
      admit(line, 0, name)
      const message = prepareMessage(name, body, tail)
      const bytes = layoutFrame(message.body.length, message.tail.length).total
      admit(line, bytes, name)
      // Laid out at once (and the tail copied), so that the caller may reuse its buffer.
      const frame = layMessage(message, session, line.sequence++)
      enqueue(line, bytes, () => (stopped ? Promise.resolve(frame) : signFrame(frame, options.identity)))
    },
    pass(frame) {
      admit(lines.interactive, frame.length, 'A signal')
      enqueue(lines.interactive, frame.length, () => Promise.resolve(frame))
    },
    waitingBytes: (priority) => lines[priority].waitingBytes,
    drained: (priority, bytes) => lines[priority].drain.below(bytes),
    flushed: () => lines.interactive.written,
    stop,
  }
}

function createLine(priority: Priority): Line {
  const line: Line = {
    priority,
    drain: createDrain(() => line.waitingBytes),
    sequence: 0,
    waitingBytes: 0,
    written: Promise.resolve(),
    latest: [],
  }
  return line
}
