// Embeddings: a text runs through the model as a prompt does, and the states after its last norm are averaged over the tokens and
// brought to length 1, as sentence-transformers does with mean pooling. The text alone decides the bits: nothing that a cache
// holds is used.

import { CentramError } from '#core/errors.ts'
import { PREFILL_CHUNK } from '../model/shard.ts'
import type { Answers } from './answers.ts'
import type { ActiveGenome } from './lab-api.ts'

export interface Embedder {
  /** Throws `CONTEXT_FULL` for a text that is too long, `BAD_ARGUMENT` for an empty one, `CANCELLED`. */
  embed(modelId: string, text: string, options: EmbedOptions): Promise<Embedding>
}

export interface EmbedOptions {
  /** Whose turn it is. */
  readonly asker: string
  readonly adapters?: readonly ActiveGenome[]
  isCancelled(): boolean
}

export interface Embedding {
  /** Of length 1, as many as the model is wide. */
  readonly values: Float32Array<ArrayBuffer>
  readonly tokens: number
}

export function createEmbedder(answers: Pick<Answers, 'borrow'>): Embedder {
  return {
    embed: (modelId, text, { isCancelled, ...borrower }) =>
      answers.borrow({ modelId, ...borrower }, async (loaded, lasting) => {
        const prompt = loaded.tokenizer.encode(text)
        if (prompt.length === 0) throw new CentramError('BAD_ARGUMENT', 'There is no embedding of an empty text.')
        const nothing = () => undefined
        const session = await lasting.begin({
          prompt,
          fresh: true,
          isCancelled,
          onRecovery: nothing,
          onRecovered: nothing,
        })
        if (prompt.length > session.contextLength) {
          throw new CentramError(
            'CONTEXT_FULL',
            `The text has ${prompt.length} tokens and the context holds ${session.contextLength}. Embed it in parts.`,
          )
        }
        const { width } = loaded.model.config
        const sums = new Float64Array(width)
        for (let first = 0; first < prompt.length; first += PREFILL_CHUNK) {
          if (isCancelled()) throw new CentramError('CANCELLED', 'The embedding was withdrawn.')
          const chunk = Uint32Array.from(prompt.slice(first, first + PREFILL_CHUNK))
          const { result } = await session.prefill(chunk, 'states')
          if (result.kind !== 'states' || result.states.length !== chunk.length * width) {
            throw new CentramError('PROTOCOL_VIOLATION', 'The last stage gave other states than the step asked for.')
          }
          for (const [at, value] of result.states.entries()) sums[at % width] = (sums[at % width] ?? 0) + value
        }
        return { values: unitLength(sums), tokens: prompt.length }
      }),
  }
}

/** What divides all of a mean alike is gone with its length. */
function unitLength(sums: Float64Array): Float32Array<ArrayBuffer> {
  const length = Math.hypot(...sums)
  if (!Number.isFinite(length)) throw new CentramError('GPU_FAILED', 'The GPU gave states that are no numbers.')
  return Float32Array.from(sums, (sum) => (length > 0 ? sum / length : 0))
}
