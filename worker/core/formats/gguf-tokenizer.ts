// GGUF metadata `tokenizer.ggml.*` as a TokenizerSpec, with every token that ends an answer.

import { CentramError } from '#core/errors.ts'
import { isEndName } from '#core/formats/end-tokens.ts'
import { unsupported } from '#core/formats/gguf-config.ts'
import type { GgufMetadata } from '#core/formats/gguf-metadata.ts'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

const CONTROL = 3
const END_KEYS = ['eot_token_id', 'eom_token_id']
/** Byte-level BPE models whose files may leave `add_bos_token` out and still want it, as llama.cpp knows. */
const LEADING_BOS = new Set(['llama-bpe', 'llama3', 'llama-v3'])

export function tokenizerFromGguf(metadata: GgufMetadata, vocabularySize: number): TokenizerSpec {
  const key = (name: string): string => `tokenizer.ggml.${name}`
  const model = metadata.required(key('model'), metadata.string(key('model')))
  if (model !== 'gpt2' && model !== 'llama') {
    throw unsupported(metadata.fileName, `a tokenizer of the kind "${model.slice(0, 32)}"`)
  }
  const tokens = metadata.required(key('tokens'), metadata.strings(key('tokens')))
  if (tokens.length === 0 || tokens.length > vocabularySize) {
    throw invalid(metadata, `it has ${tokens.length} tokens for an embedding of ${vocabularySize}`)
  }
  const types = metadata.int32s(key('token_type')) ?? new Int32Array(tokens.length).fill(1)
  if (types.length !== tokens.length) throw invalid(metadata, `${types.length} token types for ${tokens.length} tokens`)
  const scores = metadata.float32s(key('scores'))
  if (model === 'llama' && scores?.length !== tokens.length) {
    throw invalid(metadata, `${scores?.length ?? 0} scores for ${tokens.length} SentencePiece tokens`)
  }
  const merges = metadata.strings(key('merges')) ?? []
  if (model === 'gpt2' && merges.length === 0) throw invalid(metadata, 'its list of merges is empty')

  const pre = metadata.string(key('pre')) ?? 'default'
  const id = (name: string): number | undefined => metadata.integer(key(name), 0, tokens.length - 1)
  const ends = new Set(END_KEYS.flatMap((name) => id(name) ?? []))
  tokens.forEach((content, token) => {
    if (types[token] === CONTROL && isEndName(content)) ends.add(token)
  })
  const bos = id('bos_token_id')
  const eos = id('eos_token_id')
  return {
    kind: 'gguf',
    model,
    pre,
    tokens,
    ...(scores === undefined ? {} : { scores }),
    types,
    merges,
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
    ends: [...ends],
    addBos: metadata.boolean(key('add_bos_token')) ?? (model === 'llama' || LEADING_BOS.has(pre)),
    addEos: metadata.boolean(key('add_eos_token')) ?? false,
    addSpacePrefix: metadata.boolean(key('add_space_prefix')) ?? model === 'llama',
  }
}

function invalid(metadata: GgufMetadata, problem: string): CentramError {
  return new CentramError(
    'FORMAT_INVALID',
    `${metadata.fileName}: the tokenizer is damaged: ${problem}. Fetch the file again.`,
  )
}
