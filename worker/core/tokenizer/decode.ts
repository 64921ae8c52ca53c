// Token bytes to text: all at once, or token by token without ever emitting half a UTF-8 character.

import type { StreamDecoder, Tokenizer } from '#core/tokenizer/tokenizer.ts'

/** The UTF-8 text of the tokens' bytes laid end to end; U+FFFD for what is no UTF-8. */
export function decodeTokens(tokenBytes: (id: number) => Uint8Array, ids: readonly number[]): string {
  const parts = ids.map(tokenBytes)
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return newDecoder().decode(bytes)
}

export function createStreamDecoder(tokenizer: Tokenizer): StreamDecoder {
  const decoder = newDecoder()
  return {
    push: (id) => decoder.decode(tokenizer.tokenBytes(id), { stream: true }),
    flush: () => decoder.decode(),
  }
}

// A leading U+FEFF is text that a model wrote, no byte-order mark to drop.
function newDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
