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
import { createSession, type ShardParts } from './session.ts'
import { bytesFor, holdsEmbedding, holdsHead } from './shard-tensors.ts'
import type { ActiveAdapter, Shard, ShardSession } from './shard.ts'
import { createWeights } from './weights.ts'

export interface LoadShardOptions {
  /** Decides the bits: every shard of a pipeline is given the asker's. */
  readonly profile: KernelProfile
  /** Active from the start; `Shard.setAdapters` changes them later. */
  readonly adapters?: readonly ActiveAdapter[]
  /** File bytes loaded of all that this range needs. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  readonly signal?: AbortSignal
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
  const totalBytes = bytesFor(model, range)
  let doneBytes = 0
  const weights = createWeights(gpu, model, {
    ...(signal && { signal }),
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
    const parts: BlockParts = { config, weights, kernels: createKernelSet(gpu, profile, config), adapters }
    const activations = own(await createActivations(gpu, config))
    const embedding = holdsEmbedding(range) ? await loadEmbedding(family, parts) : null
    const blocks: Block[] = []
    for (let layer = range.first; layer < range.last; layer++) blocks.push(await family.loadBlock(parts, layer))
    const head = holdsHead(config, range) ? own(await loadHead(gpu, family, parts)) : null
    const submitter = own(createSubmitter(gpu))
    await submitter.idle()
    const weightBytes = weights.bytes + activations.bytes + (head?.bytes ?? 0)
    const shared = { gpu, config, submitter, activations, embedding, blocks, head, adapters }
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
  const sessions = new Set<ShardSession>()
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
      // The shard may have gone while the cache was made.
      const gone = parts.failure()
      if (gone) {
        cache.dispose()
        throw gone
      }
      const session = createSession(parts, cache, contextLength, (closed) => sessions.delete(closed))
      sessions.add(session)
      return session
    },

    dispose() {
      failure ??= new CentramError('CANCELLED', 'The model was unloaded.')
      for (const session of [...sessions]) session.dispose()
      disposeAll()
    },
  }
}
