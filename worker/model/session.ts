// One KV cache on one shard: turns each step into one command buffer and one submit.

import { CentramError } from '#core/errors.ts'
import { orderScores } from '#core/sampling/sampler.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { Dispatch } from '../gpu/dispatch.ts'
import type { ReadRequest, Submitter } from '../gpu/submit.ts'
import { writeTensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { AdapterSet } from './adapter-set.ts'
import { inOrder, type Block } from './block.ts'
import type { EmbeddingLayer } from './embedding.ts'
import type { Head } from './head.ts'
import type { KvCache } from './kv-cache.ts'
import { TOP_CANDIDATES, type OutputKind, type ShardSession, type StepInput, type StepOutput } from './shard.ts'
import { mostColumns, stepMode, type StepMode } from './step-mode.ts'

/** What the sessions of a shard have in common. */
export interface ShardParts {
  readonly gpu: GpuContext
  readonly config: ModelConfig
  readonly submitter: Submitter
  readonly activations: Activations
  readonly embedding: EmbeddingLayer | null
  readonly blocks: readonly Block[]
  readonly head: Head | null
  readonly adapters: AdapterSet
  /** Why the shard can no longer be used. */
  failure(): CentramError | null
}

type Output = OutputKind | 'none'

export function createSession(
  parts: ShardParts,
  cache: KvCache,
  contextLength: number,
  onDispose: (session: ShardSession) => void,
): ShardSession {
  const { gpu, config, submitter, activations, embedding, blocks, head, adapters } = parts
  const { width, vocabularySize } = config
  const lists = new Map<string, Promise<Dispatch[]>>()
  /** Lists that ran once without complaint. */
  const proven = new WeakSet<readonly Dispatch[]>()
  /** The adapters that `lists` were built for. */
  let adapterVersion = adapters.version
  /** Settles when every earlier step was submitted. */
  let submitted: Promise<unknown> = Promise.resolve()
  let length = 0
  let disposed = false

  async function buildList(mode: StepMode, output: Output): Promise<Dispatch[]> {
    const steps: Promise<Dispatch[]>[] = []
    if (embedding) steps.push(embedding.plan(mode, activations))
    for (const [index, block] of blocks.entries()) {
      const layer = cache.layers[index]
      if (layer) steps.push(block.plan(mode, activations, layer))
    }
    if (head && output !== 'none') steps.push(head.planLogits(activations))
    const list = await inOrder(steps)
    return head && output === 'token' ? [...list, ...head.planArgMax()] : list
  }

  function listFor(mode: StepMode, output: Output): Promise<Dispatch[]> {
    if (adapterVersion !== adapters.version) {
      adapterVersion = adapters.version
      lists.clear()
    }
    // `top` is picked from all logits once they are back.
    const key = `${mode.family} ${mode.columns} ${output === 'top' ? 'logits' : output}`
    let list = lists.get(key)
    if (!list) {
      list = buildList(mode, output)
      list.catch(() => lists.delete(key))
      lists.set(key, list)
    }
    return list
  }

  /** What has to come back from the GPU. */
  function readsFor(columns: number, output: Output): ReadRequest[] {
    if (!head) return [{ buffer: activations.hidden.buffer, bytes: columns * width * 4 }]
    if (output === 'none') return []
    if (output === 'token') return [{ buffer: head.best, bytes: 8 }]
    return [{ buffer: head.logits.buffer, bytes: vocabularySize * 4 }]
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

  /** Writes the step's inputs and submits it: nothing may come between, for sessions share the buffers. */
  function submit(list: readonly Dispatch[], position: number, columns: number, input: StepInput, output: Output) {
    if ('tokens' in input) activations.step.write({ position, columns, tokens: input.tokens })
    else {
      activations.step.write({ position, columns })
      writeTensor(gpu, activations.hidden, input.hidden)
    }
    const run = () => submitter.run(list, readsFor(columns, output))
    if (proven.has(list)) return run()
    proven.add(list)
    // Later runs differ in nothing that the GPU validates.
    return gpu.checked('a step of the model', run)
  }

  const session: ShardSession = {
    contextLength,
    get length() {
      return length
    },

    async step(input, family, output) {
      checkUsable()
      const columns = columnsOf(input)
      const most = mostColumns(family)
      if (!Number.isInteger(columns) || columns < 1 || columns > most) {
        throw new CentramError('BAD_ARGUMENT', `A ${family} step takes 1 to ${most} columns, not ${columns}.`)
      }
      const position = length
      if (position + columns > contextLength) throw contextFull(position, columns, contextLength)
      length = position + columns

      const running = submitted.then(async () => {
        for (;;) {
          const { version } = adapters
          const list = await listFor(stepMode(family, columns), output)
          // Adapters that were exchanged meanwhile took their buffers with them.
          if (version !== adapters.version) continue
          checkUsable()
          // Wrapped, so that the next step waits for the submit and not for the result.
          return { result: submit(list, position, columns, input, output) }
        }
      })
      submitted = running.catch(() => undefined)
      try {
        const [bytes] = await (await running).result
        if (bytes) return readOutput(bytes, head ? output : 'none')
        await submitter.idle()
        checkUsable()
        return undefined
      } catch (error) {
        throw parts.failure() ?? error
      }
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
      lists.clear()
      cache.dispose()
      onDispose(session)
    },
  }
  return session

  function readOutput(bytes: ArrayBuffer, output: Output): StepOutput {
    if (output === 'none') return { kind: 'hidden', hidden: new Float32Array(bytes) }
    if (output === 'logits') return { kind: 'logits', logits: new Float32Array(bytes) }
    if (output === 'top') {
      const { ids, logits } = orderScores({ logits: new Float32Array(bytes) })
      return { kind: 'top', ids: ids.slice(0, TOP_CANDIDATES), logits: logits.slice(0, TOP_CANDIDATES) }
    }
    const [token = 0] = new Uint32Array(bytes, 0, 1)
    const [logit = NaN] = new Float32Array(bytes, 4, 1)
    if (Number.isFinite(logit) && token < vocabularySize) return { kind: 'token', token }
    throw new CentramError(
      'GPU_FAILED',
      'The GPU gave no usable token: its logits are not finite. Reload the model; if it happens again, the file is ' +
        'damaged or the graphics driver computes wrongly.',
    )
  }
}

function contextFull(position: number, columns: number, contextLength: number): CentramError {
  return new CentramError(
    'CONTEXT_FULL',
    `The conversation holds ${position} tokens and ${columns} more do not fit into the context of ${contextLength}. ` +
      'Start a new chat, or load the model with a longer context.',
  )
}
