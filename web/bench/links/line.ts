// One way to send bytes to the other page, as the link benchmark sees it.

export interface Line {
  /** Of that many messages, one after the other; milliseconds each. */
  roundTrips(count: number): Promise<readonly number[]>
  /** Sends bulk for so long, as fast as the line takes it. */
  flood(milliseconds: number): Promise<void>
  /** Bulk that came, and the time at which that was so. */
  total(): Total | Promise<Total>
  /** How many connections it uses now. */
  connections(): number | Promise<number>
  close(): void
}

export interface Total {
  readonly bytes: number
  readonly at: number
}

/** What is told to the page of the other side, and came from there. */
export interface Signals {
  tell(signal: unknown): void
  onSignal(listener: (signal: unknown) => void): void
}

export interface LineOptions {
  /** The one that begins. */
  readonly first: boolean
  readonly signals: Signals
  /** Of the server, for what is introduced by it. */
  readonly serverUrl: string
  /** The same on both sides and new for each line, 32 hexadecimal digits. */
  readonly room: string
}

/** Every library splits or refuses larger ones somewhere. */
export const MESSAGE_BYTES = 16 * 1024
export const PING_BYTES = 64
/** What may wait in the browser before a sender pauses. */
export const HIGH_WATER_BYTES = 1024 * 1024

const PING = 1
const PONG = 2
const BULK = 3

export interface Pipe {
  send(bytes: Uint8Array<ArrayBuffer>): void
  /** Resolves when more may be sent. */
  drained(): Promise<void>
  close(): void
}

/** A line over something that carries whole messages; `take` is to be called with each that comes. */
export function createLine(pipe: Pipe): { readonly line: Line; take(bytes: Uint8Array): void } {
  let bytes = 0
  let answered: () => void = () => undefined
  const message = (kind: number, length: number) => {
    const made = new Uint8Array(length)
    made[0] = kind
    return made
  }
  return {
    take(received) {
      if (received[0] === PING) pipe.send(message(PONG, PING_BYTES))
      else if (received[0] === PONG) answered()
      else bytes += received.length
    },
    line: {
      async roundTrips(count) {
        const times: number[] = []
        for (let number = 0; number < count; number++) {
          const from = performance.now()
          const back = new Promise<void>((resolve) => (answered = resolve))
          pipe.send(message(PING, PING_BYTES))
          await back
          times.push(performance.now() - from)
        }
        return times
      },
      async flood(milliseconds) {
        const piece = crypto.getRandomValues(message(BULK, MESSAGE_BYTES))
        piece[0] = BULK
        const until = performance.now() + milliseconds
        while (performance.now() < until) {
          pipe.send(piece)
          await pipe.drained()
        }
      },
      total: () => ({ bytes, at: performance.now() }),
      connections: () => 1,
      close: () => pipe.close(),
    },
  }
}

/** Waits on the data channel under a library, or of one's own. */
export function createDrained(channel: RTCDataChannel): () => Promise<void> {
  channel.bufferedAmountLowThreshold = HIGH_WATER_BYTES / 2
  return () =>
    channel.bufferedAmount < HIGH_WATER_BYTES
      ? Promise.resolve()
      : new Promise((resolve) => channel.addEventListener('bufferedamountlow', () => resolve(), { once: true }))
}
