// Token types of `tokenizer.ggml.token_type`, which are SentencePiece's.

const TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export function isTokenType(type: number, name: keyof typeof TYPES): boolean {
  return type === TYPES[name]
}
