// The tokenizer of models over raw bytes: a token is a byte of UTF-8.

import { decodeTokens } from '#core/tokenizer/decode.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'

export function createBytesTokenizer(): Tokenizer {
  const utf8 = new TextEncoder()
  const tokenBytes = (id: number): Uint8Array =>
    Number.isInteger(id) && id >= 0 && id < 256 ? Uint8Array.of(id) : new Uint8Array(0)
  return {
    vocabularySize: 256,
    endTokens: new Set(),
    encode: (text) => Array.from(utf8.encode(text)),
    tokenBytes,
    decode: (ids) => decodeTokens(tokenBytes, ids),
  }
}
