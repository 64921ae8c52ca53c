// Loads a stretch of a model's layers onto the GPU and makes it answer: the way in to this folder.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { GpuContext } from '../gpu/context.ts'
import { formatProfile, supportsProfile, type KernelProfile } from '../gpu/profile.ts'
import { createSubmitter } from '../gpu/submit.ts'
import { createActivations } from './activations.ts'
import { createAdapterSet } from './adapter-set.ts'
import type { Block, BlockParts } from './block.ts'
import { loadEmbedding } from './embedding.ts'
import { FAMILIES } from './families.ts'
import { loadHead } from './head.ts'
import { createKernelSet } from './kernel-set.ts'
import { createKvCache, kvCacheBytes } from './kv-cache.ts'
import { createSession, type OpenSession } from './session.ts'
import { bytesFor, holdsEmbedding, holdsHead, tensorsOf } from './shard-tensors.ts'
import {
  DECODE_COLUMNS,
  type ActiveAdapter,
  type SessionStep,
  type Shard,
  type ShardSession,
  type StepOutput,
} from './shard.ts'
import { createStepLists } from './step-lists.ts'
import { runStep, type ShardParts, type StepPart } from './step-runner.ts'
import type { WeightStore } from './weight-store.ts'
import { createWeights, isPartOf } from './weights.ts'

export interface LoadShardOptions {
  /** Decides the bits: every shard of a pipeline is given the asker's. */
  readonly profile: KernelProfile
  /** Active from the start; `Shard.setAdapters` changes them later. */
  readonly adapters?: readonly ActiveAdapter[]
  /** File bytes loaded of all that this range needs. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
  /** Where weights that were loaded for other shards of this GPU are found again. */
  readonly store?: WeightStore
}

/**
 * Reads the tensors of `range` in pieces of at most 8 MiB. Throws `GPU_OUT_OF_MEMORY`, `GPU_LOST`, `CANCELLED`,
 * `BAD_ARGUMENT` (a range or a profile that this node cannot run) and what the sources throw; nothing stays allocated then.
 */
export async function loadShard(
  gpu: GpuContext,
  model: OpenedModel,
  range: LayerRange,
  options: LoadShardOptions,
): Promise<Shard> {
  const { profile, onProgress, signal } = options
  const { config } = model
  if (!supportsProfile(gpu, profile)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `This GPU cannot run the kernel shapes it was asked for (${formatProfile(profile)}). Let another node be the asker.`,
    )
  }
  const { store } = options
  const names = new Set(tensorsOf(model, range).map(({ name }) => name))
  // Room first: what earlier shards left is kept where this one needs it.
  store?.free((key) => isPartOf(key, model, names))
  const totalBytes = bytesFor(model, range)
  let doneBytes = 0
  const weights = createWeights(gpu, model, {
    ...(signal && { signal }),
    ...(store && { store }),
    onBytes(bytes) {
      doneBytes += bytes
      onProgress?.(doneBytes, totalBytes)
    },
  })
  const owned: { dispose(): void }[] = [weights]
  const own = <T extends { dispose(): void }>(made: T): T => {
    owned.push(made)
    return made
  }
  const disposeAll = () => {
    for (const part of owned.splice(0).reverse()) part.dispose()
  }

  try {
    const family = FAMILIES[config.family]
    const adapters = own(createAdapterSet(gpu, config, range))
    await adapters.activate(options.adapters ?? [])
    const kernels = createKernelSet(gpu, profile, config)
    const parts: BlockParts = { config, weights, kernels, adapters }
    const activations = own(await createActivations(gpu, config))
    const embedding = holdsEmbedding(range) ? await loadEmbedding(family, parts) : null
    const blocks: Block[] = []
    for (let layer = range.first; layer < range.last; layer++) blocks.push(await family.loadBlock(parts, layer))
    const head = holdsHead(config, range) ? own(await loadHead(gpu, family, parts)) : null
    const submitter = own(createSubmitter(gpu))
    await submitter.idle()
    const weightBytes = weights.bytes + activations.bytes + (head?.bytes ?? 0)
    const lists = createStepLists({ activations, embedding, blocks, head, adapters })
    const shared = { gpu, config, submitter, activations, kernels, embedding, head, adapters, lists }
    return createShard(shared, range, weightBytes, disposeAll)
  } catch (error) {
    disposeAll()
    throw error
  }
}

function createShard(
  shared: Omit<ShardParts, 'failure'>,
  range: LayerRange,
  weightBytes: number,
  disposeAll: () => void,
): Shard {
  const { gpu, config } = shared
  const sessions = new Map<ShardSession, OpenSession>()
  let failure: CentramError | null = null
  void gpu.lost.then((error) => (failure ??= error))
  const parts: ShardParts = { ...shared, failure: () => failure }

  return {
    config,
    range,
    hasEmbedding: shared.embedding !== null,
    hasHead: shared.head !== null,
    weightBytes,
    adapterBytes: () => shared.adapters.bytes,
    setAdapters: (adapters) => shared.adapters.activate(adapters),
    sessionBytes: (contextLength) => kvCacheBytes(config, range, contextLength),

    async openSession(contextLength) {
      if (failure) throw failure
      if (!Number.isInteger(contextLength) || contextLength < 1 || contextLength > config.contextLength) {
        throw new CentramError(
          'BAD_ARGUMENT',
          `A context of ${contextLength} positions was asked for; this model takes 1 to ${config.contextLength}.`,
        )
      }
      const cache = await createKvCache(gpu, config, range, contextLength)
      const opened = await createSession(parts, cache, contextLength, (closed) => sessions.delete(closed))
      sessions.set(opened.session, opened)
      // The shard may have gone meanwhile.
      const gone = parts.failure()
      if (gone) {
        opened.session.dispose()
        throw gone
      }
      return opened.session
    },

    stepTogether: (steps) => stepTogether(parts, sessions, steps),

    dispose() {
      failure ??= new CentramError('CANCELLED', 'The model was unloaded.')
      for (const session of [...sessions.keys()]) session.dispose()
      disposeAll()
    },
  }
}

function stepTogether(
  parts: ShardParts,
  sessions: ReadonlyMap<ShardSession, OpenSession>,
  steps: readonly SessionStep[],
): Promise<StepOutput | undefined>[] {
  const { width } = parts.config
  const columns = steps.reduce((sum, { input }) => {
    return sum + ('tokens' in input ? input.tokens.length : input.hidden.length / width)
  }, 0)
  const fits = columns <= DECODE_COLUMNS && new Set(steps.map(({ session }) => session)).size === steps.length
  const begun = steps.map(({ session, input, output, results }): StepPart | Promise<never> => {
    try {
      const open = sessions.get(session)
      if (!fits || !open) {
        const what = fits ? 'The session was closed.' : `A step takes ${DECODE_COLUMNS} columns, of a session once.`
        throw new CentramError('BAD_ARGUMENT', what)
      }
      return open.begin(input, 'decode', output, results)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  })
  const running = begun.filter((part): part is StepPart => !(part instanceof Promise))
  const outputs = running.length > 0 ? runStep(parts, 'decode', running) : []
  return begun.map((part) => {
    return part instanceof Promise ? part : (outputs[running.indexOf(part)] ?? Promise.resolve(undefined))
  })
}
