// One KV cache on one shard: counts its positions, and refuses what does not fit before anything of it runs.

import { CentramError } from '#core/errors.ts'
import { createStepBuffer } from '../gpu/step-buffer.ts'
import type { KvCache } from './kv-cache.ts'
import type { OutputKind, ResultColumns, ShardSession, StepFamily, StepInput } from './shard.ts'
import { createSessionLists } from './step-lists.ts'
import { runStep, type SessionLane, type ShardParts, type StepPart } from './step-runner.ts'
import { mostColumns } from './step-mode.ts'

export interface OpenSession {
  readonly session: ShardSession
  /** Takes the next positions for a step that is to run at once. Throws what `ShardSession.step` rejects with. */
  begin(input: StepInput, family: StepFamily, output: OutputKind | 'none', results?: ResultColumns): StepPart
}

/** Takes the cache over. */
export async function createSession(
  parts: ShardParts,
  cache: KvCache,
  contextLength: number,
  onDispose: (session: ShardSession) => void,
): Promise<OpenSession> {
  const { gpu, config, kernels, activations, embedding } = parts
  const { width, vocabularySize } = config
  // A binding holds the header and one token at least.
  const segment = await createStepBuffer(gpu, 1).catch((error: unknown) => {
    cache.dispose()
    throw error
  })
  let length = 0
  let disposed = false
  const lane: SessionLane = {
    segment,
    lists: createSessionLists(kernels, activations, embedding, cache, segment),
    checkUsable,
    submitted: Promise.resolve(),
  }

  function columnsOf(input: StepInput): number {
    if ('tokens' in input !== (embedding !== null)) {
      const wanted = embedding
        ? 'tokens, because it has the embedding'
        : 'hidden states, because it begins inside the model'
      throw new CentramError('BAD_ARGUMENT', `This shard takes ${wanted}.`)
    }
    if ('hidden' in input) return input.hidden.length / width
    const unknown = input.tokens.find((token) => token >= vocabularySize)
    if (unknown !== undefined) {
      throw new CentramError('BAD_ARGUMENT', `Token ${unknown} is not in the vocabulary of ${vocabularySize}.`)
    }
    return input.tokens.length
  }

  function checkUsable(): void {
    const failure = parts.failure()
    if (failure) throw failure
    if (disposed) throw new CentramError('BAD_ARGUMENT', 'The session was closed.')
  }

  function begin(input: StepInput, family: StepFamily, output: OutputKind | 'none', results?: ResultColumns): StepPart {
    checkUsable()
    const columns = columnsOf(input)
    const most = mostColumns(family)
    if (!Number.isInteger(columns) || columns < 1 || columns > most) {
      throw new CentramError('BAD_ARGUMENT', `A ${family} step takes 1 to ${most} columns, not ${columns}.`)
    }
    if (results === 'each' && family !== 'decode') {
      throw new CentramError('BAD_ARGUMENT', 'Only a decode step has a result for each of its columns.')
    }
    if (output === 'states' && family !== 'prefill') {
      throw new CentramError('BAD_ARGUMENT', 'Only a prefill step gives the states of its columns.')
    }
    const position = length
    if (position + columns > contextLength) throw contextFull(position, columns, contextLength)
    length = position + columns
    return { lane, input, position, columns, output, results: results ?? 'last' }
  }

  const session: ShardSession = {
    contextLength,
    get length() {
      return length
    },

    async step(input, family, output, results) {
      const [done] = runStep(parts, family, [begin(input, family, output, results)])
      return done
    },

    trim(to) {
      if (!Number.isInteger(to) || to < 0 || to > length) {
        throw new CentramError('BAD_ARGUMENT', `A session of ${length} positions cannot be trimmed to ${to}.`)
      }
      length = to
    },

    dispose() {
      if (disposed) return
      disposed = true
      cache.dispose()
      segment.dispose()
      onDispose(session)
    },
  }
  return { session, begin }
}

function contextFull(position: number, columns: number, contextLength: number): CentramError {
  return new CentramError(
    'CONTEXT_FULL',
    `The conversation holds ${position} tokens and ${columns} more do not fit into the context of ${contextLength}. ` +
      'Start a new chat, or load the model with a longer context.',
  )
}
