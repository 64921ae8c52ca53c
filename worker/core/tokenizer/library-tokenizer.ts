// Byte-pair encoding through @huggingface/tokenizers, given a tokenizer.json whatever it was made from. Decoding is
// ours, by bytes, so that a stream never loses half a character.

import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { CentramError, errorMessage } from '#core/errors.ts'
import { decodeTokens } from '#core/tokenizer/decode.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import { wellFormed } from '#core/tokenizer/well-formed.ts'

export interface LibraryTokenizerInput {
  /** A tokenizer.json, already checked. */
  readonly json: { readonly added_tokens: readonly { readonly special: boolean }[] }
  readonly config: object
  readonly vocabularySize: number
  readonly endTokens: ReadonlySet<number>
  /** Ids that go before every text unless it begins with them already. */
  readonly leading: readonly number[]
  readonly tokenBytes: (id: number) => Uint8Array
}

export function createLibraryTokenizer(input: LibraryTokenizerInput): Tokenizer {
  const { json, config, leading, tokenBytes } = input
  const withSpecial = build(json, config)
  // Built on first use: most texts are read with their special tokens.
  let plain: LibraryTokenizer | undefined
  const plainTokenizer = (): LibraryTokenizer => {
    plain ??= build({ ...json, added_tokens: json.added_tokens.filter((token) => !token.special) }, config)
    return plain
  }

  const encode: Tokenizer['encode'] = (text, options) => {
    const special = options?.special ?? true
    let ids: (number | undefined)[]
    try {
      const tokenizer = special ? withSpecial : plainTokenizer()
      ids = tokenizer.encode(wellFormed(text), { add_special_tokens: false }).ids
    } catch (cause) {
      throw damaged(cause)
    }
    const known = ids.filter((id) => id !== undefined)
    if (!special || leading.every((id, i) => known[i] === id)) return known
    return [...leading, ...known]
  }

  return {
    vocabularySize: input.vocabularySize,
    endTokens: input.endTokens,
    encode,
    tokenBytes,
    decode: (ids) => decodeTokens(tokenBytes, ids),
  }
}

function build(json: object, config: object): LibraryTokenizer {
  try {
    return new LibraryTokenizer(json, config)
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause: unknown): CentramError {
  return new CentramError(
    'FORMAT_INVALID',
    `The model's tokenizer cannot be used (${errorMessage(cause).slice(0, 200)}). Fetch its files again, or choose ` +
      'another file of this model.',
    { cause },
  )
}
