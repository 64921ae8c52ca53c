// Byte-level BPE from GGUF metadata: tokens, merges and the pre-tokenizer's name, put together as a tokenizer.json.

import { CentramError } from '#core/errors.ts'
import { bytesOfEntry } from '#core/tokenizer/byte-level.ts'
import { createLibraryTokenizer } from '#core/tokenizer/library-tokenizer.ts'
import { preTokenizerNamed } from '#core/tokenizer/pre-tokenizers.ts'
import { isTokenType } from '#core/tokenizer/token-types.ts'
import type { Tokenizer, TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

type GgufSpec = Extract<TokenizerSpec, { kind: 'gguf' }>

const NO_BYTES = new Uint8Array(0)

export function createGgufBpeTokenizer(spec: GgufSpec): Tokenizer {
  const { tokens, types, eos, ends } = spec
  const utf8 = new TextEncoder()
  const isWhole = (id: number): boolean =>
    isTokenType(types[id] ?? 0, 'control') || isTokenType(types[id] ?? 0, 'userDefined')

  const tokenBytes = (id: number): Uint8Array => {
    const content = tokens[id]
    const type = types[id] ?? 0
    if (content === undefined || isTokenType(type, 'control') || isTokenType(type, 'unused')) return NO_BYTES
    return isTokenType(type, 'userDefined') ? utf8.encode(content) : bytesOfEntry(content)
  }

  return createLibraryTokenizer({
    json: tokenizerJson(spec, isWhole),
    config: {},
    vocabularySize: tokens.length,
    endTokens: new Set(eos === undefined ? ends : [eos, ...ends]),
    leading: spec.addBos && spec.bos !== undefined ? [spec.bos] : [],
    tokenBytes,
  })
}

function tokenizerJson(spec: GgufSpec, isWhole: (id: number) => boolean) {
  const pre = preTokenizerNamed(spec.pre)
  const whole = spec.tokens.flatMap((content, id) => (isWhole(id) && content !== '' ? [{ id, content }] : []))
  return {
    version: '1.0',
    normalizer: pre.normalizer,
    pre_tokenizer: pre.preTokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    added_tokens: whole.map(({ id, content }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: isTokenType(spec.types[id] ?? 0, 'control'),
    })),
    model: {
      type: 'BPE',
      // fromEntries makes an own property even of "__proto__".
      vocab: Object.fromEntries(spec.tokens.map((content, id) => [content, id])),
      merges: spec.merges.map(pairOf),
      ignore_merges: pre.ignoreMerges,
    },
  }
}

/** A merge is two entries with one space between; an entry itself has none, or begins with it. */
function pairOf(merge: string): [string, string] {
  const at = merge.indexOf(' ', 1)
  if (at > 0 && at < merge.length - 1) return [merge.slice(0, at), merge.slice(at + 1)]
  throw new CentramError(
    'FORMAT_INVALID',
    `The model's tokenizer has ${JSON.stringify(merge.slice(0, 64))} for a merge. Fetch the model again.`,
  )
}
