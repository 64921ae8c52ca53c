// The pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`, as tokenizer.json sections. Each expression is the one
// that the model's own tokenizer.json ships (and llama.cpp carries); Oniguruma syntax.

import { CentramError } from '#core/errors.ts'

export interface PreTokenizer {
  readonly normalizer: object | null
  readonly preTokenizer: object
  /** Words that are tokens as a whole are not put together from merges. */
  readonly ignoreMerges: boolean
}

/** GPT-2's: contractions, and letters, digits or signs with at most one space before. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const LLAMA3_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }

/** Splits by `pattern`, keeping every part. */
export function splitBy(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
}

function sequence(...steps: object[]): object {
  return { type: 'Sequence', pretokenizers: [...steps, BYTE_LEVEL] }
}

const GPT2: PreTokenizer = { normalizer: null, preTokenizer: sequence(splitBy(GPT2_PATTERN)), ignoreMerges: false }
const SMOLLM: PreTokenizer = {
  normalizer: null,
  preTokenizer: sequence(splitBy('\\p{N}'), splitBy(GPT2_PATTERN)),
  ignoreMerges: false,
}
const LLAMA3: PreTokenizer = { normalizer: null, preTokenizer: sequence(splitBy(LLAMA3_PATTERN)), ignoreMerges: true }
const QWEN2: PreTokenizer = {
  normalizer: { type: 'NFC' },
  preTokenizer: sequence(splitBy(QWEN2_PATTERN)),
  ignoreMerges: false,
}
/** llama.cpp's for files that name none: punctuation apart, GPT-2's, then digits in threes. */
const DEFAULT: PreTokenizer = {
  normalizer: null,
  preTokenizer: sequence(
    splitBy('[\\p{P}\\$\\+<=>\\^~\\|]+'),
    splitBy(GPT2_PATTERN),
    splitBy('\\p{N}+'),
    splitBy('[0-9][0-9][0-9]'),
  ),
  ignoreMerges: false,
}

const BY_NAME: ReadonlyMap<string, PreTokenizer> = new Map([
  ['gpt-2', GPT2],
  ['gpt2', GPT2],
  ['smollm', SMOLLM],
  ['llama-bpe', LLAMA3],
  ['llama3', LLAMA3],
  ['llama-v3', LLAMA3],
  ['qwen2', QWEN2],
  ['deepseek-r1-qwen', QWEN2],
  ['default', DEFAULT],
])

export function preTokenizerNamed(name: string): PreTokenizer {
  const found = BY_NAME.get(name)
  if (found !== undefined) return found
  throw new CentramError(
    'MODEL_UNSUPPORTED',
    `The pre-tokenizer "${name.slice(0, 64)}" of this model is not supported, so its text would be cut wrongly. Supported ` +
      `are ${[...BY_NAME.keys()].join(', ')}; choose another model.`,
  )
}
