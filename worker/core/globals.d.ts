// The few web-standard globals that exist alike in tabs, workers and Node.js, and that core may use.
// Core compiles without the DOM and Node type libraries, so that nothing else slips in.

declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(input?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string
}

/** Base64; characters are bytes. */
declare function btoa(binary: string): string
declare function atob(text: string): string

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
}
