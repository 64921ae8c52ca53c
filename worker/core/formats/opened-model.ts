// A model whose headers have been read: everything but the weights' bytes.

import type { ByteSource } from '#core/formats/byte-source.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

export interface OpenedModel {
  readonly format: 'gguf' | 'safetensors'
  readonly config: ModelConfig
  /** By canonical name. */
  readonly tensors: ReadonlyMap<string, TensorEntry>
  readonly sources: readonly ByteSource[]
  readonly tokenizer: TokenizerSpec
  /** Jinja source, as the model ships it. */
  readonly chatTemplate?: string
  /** Values the template names: bos_token, eos_token. */
  readonly templateTokens: Readonly<Record<string, string>>
  /** SHA-256 (hex) over every header and every source's size: two nodes that agree on it hold the same model. */
  readonly fingerprint: string
}
