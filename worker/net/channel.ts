// An ordered, reliable pipe of whole messages to one peer. WebRTC, a MessagePort and memory each make one.

export interface Channel {
  /** Bytes of the largest message `send` takes. */
  readonly maxMessageSize: number
  /** Sends one message. Throws `CHANNEL_CLOSED` once closed and `FRAME_TOO_LARGE` above `maxMessageSize`. */
  send(message: Uint8Array): void
  /** Resolves when less than `bytes` (default: the high-water mark) waits to be sent; rejects with `CHANNEL_CLOSED`. */
  drained(bytes?: number): Promise<void>
  /** Bytes handed to `send` that have not left yet, as far as is known. */
  readonly bufferedBytes: number
  /** Set before the first message may arrive; messages that came earlier are delivered at once, in order. */
  onMessage(listener: (message: Uint8Array<ArrayBuffer>) => void): void
  /** Called once, with the reason, when either side closed or the link broke. Called at once when already closed. */
  onClose(listener: (reason: string) => void): void
  close(reason?: string): void
}

/** Above this many waiting bytes `drained()` waits. */
export const HIGH_WATER_BYTES = 4 * 1024 * 1024
