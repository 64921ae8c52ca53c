// What every tokenizer offers, whatever its kind, and what a model file says about its own.

export interface Tokenizer {
  readonly vocabularySize: number
  /** Token ids that end an answer: every one the model's files name. */
  readonly endTokens: ReadonlySet<number>
  /**
   * `text` as token ids. `special` (default true) reads special tokens written out in the text, as chat templates do,
   * and adds the model's own leading token where it asks for one.
   */
  encode(text: string, options?: { special?: boolean }): number[]
  /** The bytes a token stands for; empty for control tokens. */
  tokenBytes(id: number): Uint8Array
  decode(ids: readonly number[]): string
}

/** Turns tokens into text as they come, holding back the bytes of an unfinished UTF-8 character. */
export interface StreamDecoder {
  push(id: number): string
  /** What is left at the end, with U+FFFD for a character that never finished. */
  flush(): string
}

/** The data a tokenizer is built from. */
export type TokenizerSpec =
  | { readonly kind: 'bytes' }
  | {
      /** From GGUF metadata `tokenizer.ggml.*`. */
      readonly kind: 'gguf'
      readonly model: 'gpt2' | 'llama'
      readonly pre: string
      readonly tokens: readonly string[]
      readonly scores?: Float32Array
      readonly types: Int32Array
      readonly merges: readonly string[]
      readonly bos?: number
      readonly eos?: number
      /** Further end tokens (`eot`, `eom` …). */
      readonly ends: readonly number[]
      readonly addBos: boolean
      readonly addEos: boolean
      readonly addSpacePrefix: boolean
    }
  | {
      /** From tokenizer.json, tokenizer_config.json and generation_config.json. */
      readonly kind: 'huggingface'
      readonly tokenizer: object
      readonly config: object
      readonly ends: readonly number[]
    }

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}
