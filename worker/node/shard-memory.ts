// What is on this node's GPU, and the most that a person lets be there: weights, adapters and caches are counted as they come and
// go, and what would be too much is refused before it is loaded.

import { CentramError } from '#core/errors.ts'
import type { Shard, ShardSession } from '../model/shard.ts'
import { bytesFor } from '../model/shard-tensors.ts'
import type { GpuState } from './api.ts'
import type { GpuMemory } from './limits-api.ts'
import type { ShardLoader } from './shard-loader.ts'

export interface MeteredShards extends ShardLoader {
  /** Of shards and their sessions. */
  memory(): Omit<GpuMemory, 'training'>
}

export interface ShardMemoryOptions {
  /** What a person set; null for what the device suggests, which is an offer and refuses nothing. */
  limit(): number | null
  /** Bytes that are on the GPU besides. */
  besides(): number
  /** Something came or went. */
  onChange(): void
}

/** What this node offers under that limit. */
export function limitedGpu(gpu: GpuState, limit: number | null): GpuState {
  return gpu.kind === 'ready' && limit !== null ? { ...gpu, budgetBytes: limit } : gpu
}

export function meterShards(loader: ShardLoader, { limit, besides, onChange }: ShardMemoryOptions): MeteredShards {
  const shards = new Set<Shard>()
  /** Bytes of each, and of loads under way. */
  const caches = new Map<object, number>()
  const loading = new Map<object, number>()
  const sum = (parts: Iterable<number>) => [...parts].reduce((total, part) => total + part, 0)
  const memory = () => ({
    weights: sum([...shards].map((shard) => shard.weightBytes + shard.adapterBytes())) + sum(loading.values()),
    caches: sum(caches.values()),
  })

  function requireRoom(more: number, what: string): void {
    const most = limit()
    if (most === null) return
    const { weights, caches: cached } = memory()
    const used = weights + cached + besides()
    if (used + more <= most) return
    throw new CentramError(
      'NO_CAPACITY',
      `${what} would take ${inMegabytes(more)} of GPU memory beside the ${inMegabytes(used)} in use, and at most ` +
        `${inMegabytes(most)} were allowed on that node. Allow more on its Node page, or choose a smaller model.`,
    )
  }

  function meter(shard: Shard): Shard {
    /** Theirs by those that are handed out. */
    const inner = new Map<ShardSession, ShardSession>()
    shards.add(shard)
    onChange()
    return {
      ...shard,
      async openSession(contextLength) {
        requireRoom(shard.sessionBytes(contextLength), 'One more answer')
        const session = await shard.openSession(contextLength)
        const metered: ShardSession = {
          contextLength: session.contextLength,
          get length() {
            return session.length
          },
          step: (...step) => session.step(...step),
          trim: (length) => session.trim(length),
          dispose() {
            session.dispose()
            inner.delete(metered)
            if (caches.delete(metered)) onChange()
          },
        }
        inner.set(metered, session)
        caches.set(metered, shard.sessionBytes(contextLength))
        onChange()
        return metered
      },
      stepTogether: (steps) =>
        shard.stepTogether(steps.map((step) => ({ ...step, session: inner.get(step.session) ?? step.session }))),
      async setAdapters(adapters) {
        await shard.setAdapters(adapters)
        onChange()
      },
      dispose() {
        shard.dispose()
        shards.delete(shard)
        for (const session of inner.keys()) caches.delete(session)
        inner.clear()
        onChange()
      },
    }
  }

  return {
    ...loader,
    memory,
    state: () => limitedGpu(loader.state(), limit()),
    offer() {
      const offer = loader.offer()
      return { ...offer, budgetBytes: limit() ?? offer.budgetBytes }
    },
    async load(model, range, options) {
      const bytes = bytesFor(model, range)
      requireRoom(bytes, `Layers ${range.first + 1} to ${range.last} of ${model.config.name}`)
      const place = {}
      loading.set(place, bytes)
      try {
        return meter(await loader.load(model, range, options))
      } finally {
        loading.delete(place)
        onChange()
      }
    },
  }
}

const inMegabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
