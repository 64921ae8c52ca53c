// Makes the tokenizer that a model's files describe.

import { createBytesTokenizer } from '#core/tokenizer/bytes-tokenizer.ts'
import { createGgufBpeTokenizer } from '#core/tokenizer/gguf-bpe-tokenizer.ts'
import { createHuggingFaceTokenizer } from '#core/tokenizer/huggingface-tokenizer.ts'
import { createSentencePieceTokenizer } from '#core/tokenizer/sentencepiece-tokenizer.ts'
import type { Tokenizer, TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

/** Throws `FORMAT_INVALID` and `MODEL_UNSUPPORTED`. */
export function createTokenizer(spec: TokenizerSpec): Tokenizer {
  switch (spec.kind) {
    case 'bytes':
      return createBytesTokenizer()
    case 'gguf':
      return spec.model === 'llama' ? createSentencePieceTokenizer(spec) : createGgufBpeTokenizer(spec)
    case 'huggingface':
      return createHuggingFaceTokenizer(spec)
  }
}
