// The shape of a model, read from GGUF metadata or a Hugging Face config.json into one form.

export type ModelFamily = 'gpt2' | 'llama' | 'qwen2' | 'qwen3'

export interface RopeConfig {
  readonly base: number
  /** Rotated dimensions of a head. */
  readonly dimensions: number
  /** `interleaved` rotates (0,1),(2,3)…; `half` rotates (0,d/2),(1,d/2+1)…. */
  readonly layout: 'interleaved' | 'half'
  /** Divisors of the `dimensions / 2` inverse frequencies (Llama 3 scaling, linear scaling); absent means 1. */
  readonly frequencyDivisors?: readonly number[]
}

export interface ModelConfig {
  readonly family: ModelFamily
  readonly name: string
  readonly vocabularySize: number
  readonly contextLength: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffnWidth: number
  readonly normEpsilon: number
  /** Absent for learned positions (GPT-2). */
  readonly rope?: RopeConfig
  /** The output matrix is the embedding matrix. */
  readonly tiedHead: boolean
}
