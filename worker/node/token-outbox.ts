// The tokens of one answer on their way to a peer: each goes at once while the peer keeps up, those that had to wait go many in a
// message, and what a peer never reads has an end. Nobody else waits for it.

import { CentramError, errorCode } from '#core/errors.ts'

export interface OutgoingToken<Timing> {
  readonly token: number
  readonly text: string
  readonly timing: Timing
}

export interface TokenOutbox<Timing> {
  push(token: OutgoingToken<Timing>): void
  /** Resolves when all were handed over; rejects with `NO_CAPACITY` when too many waited, or as sending failed. */
  end(): Promise<void>
}

export interface TokenOutboxOptions<Timing> {
  /** Throws `NO_CAPACITY` where too much waits for the peer already. */
  send(first: number, batch: readonly OutgoingToken<Timing>[]): void
  /** Resolves when it is worth trying again. */
  drained(): Promise<void>
  /** The peer does not read, or is gone: the answer is of no use. */
  onFailed(): void
}

const MOST_WAITING = 8192
const BATCH_TOKENS = 256
/** A message holds 16 KiB of text; a character is four bytes at most. */
const BATCH_CHARACTERS = 4096

export function createTokenOutbox<Timing>(options: TokenOutboxOptions<Timing>): TokenOutbox<Timing> {
  let waiting: OutgoingToken<Timing>[] = []
  let sent = 0
  let isBlocked = false
  let failure: unknown = null
  let onEmpty: (() => void) | null = null

  function fail(error: unknown): void {
    if (failure !== null) return
    failure = error
    waiting = []
    options.onFailed()
    onEmpty?.()
  }

  function flush(): void {
    while (waiting.length > 0 && !isBlocked) {
      const batch = nextBatch(waiting)
      try {
        options.send(sent, batch)
      } catch (error) {
        if (errorCode(error) !== 'NO_CAPACITY') return fail(error)
        isBlocked = true
        options.drained().then(() => {
          isBlocked = false
          flush()
        }, fail)
        return
      }
      sent += batch.length
      waiting = waiting.slice(batch.length)
    }
    if (waiting.length === 0) onEmpty?.()
  }

  return {
    push(token) {
      if (failure !== null) return
      waiting.push(token)
      if (waiting.length > MOST_WAITING) {
        fail(new CentramError('NO_CAPACITY', `The answer ends: ${waiting.length} tokens of it were not read.`))
      } else flush()
    },
    async end() {
      if (waiting.length > 0) await new Promise<void>((resolve) => (onEmpty = resolve))
      // What it fails with is an error that something threw.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      if (failure !== null) throw failure
    },
  }
}

function nextBatch<Timing>(waiting: readonly OutgoingToken<Timing>[]): readonly OutgoingToken<Timing>[] {
  let characters = 0
  const over = waiting.findIndex(({ text }, index) => {
    characters += text.length
    return index > 0 && characters > BATCH_CHARACTERS
  })
  return waiting.slice(0, Math.min(BATCH_TOKENS, over === -1 ? waiting.length : over))
}
