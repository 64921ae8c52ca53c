// Models that are stored only because other nodes' plans need them: how much they take, and which go when that is too much.

import { CentramError } from '#core/errors.ts'
import type { Records } from '../storage/records.ts'

export interface KeptModels {
  /** Reads what earlier visits kept. */
  start(): Promise<void>
  /** Whether a person loaded it here: then it is not kept for others, whoever uses it. */
  isOwn(modelId: string): boolean
  /** Whether it is here only for others. */
  isKept(modelId: string): boolean
  /** Bytes stored for others. */
  bytes(): number
  /** The model's layers were needed by another node; so much of it is stored now. */
  keep(modelId: string, bytes: number): Promise<void>
  /** A person loads it here. */
  own(modelId: string): Promise<void>
  remove(modelId: string): Promise<void>
  /**
   * Those to delete, least recently needed first, so that `more` bytes of `modelId` fit below `limit`. Throws `NO_CAPACITY` where
   * even all of them leave too little.
   */
  toEvict(modelId: string, more: number, limit: number): readonly string[]
}

const STORE = 'kept-models'

export function createKeptModels(records: Records, wallTime: () => number): KeptModels {
  const kept = new Map<string, { readonly bytes: number; readonly usedAt: number }>()
  const own = new Set<string>()
  const total = () => [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    async start() {
      for (const id of await records.keys(STORE)) {
        const { bytes, usedAt } = ((await records.get(STORE, id)) ?? {}) as Record<string, unknown>
        if (typeof bytes === 'number' && typeof usedAt === 'number') kept.set(id, { bytes, usedAt })
        else own.add(id)
      }
    },
    isOwn: (modelId) => own.has(modelId),
    isKept: (modelId) => kept.has(modelId),
    bytes: total,
    async keep(modelId, bytes) {
      const entry = { bytes, usedAt: wallTime() }
      kept.set(modelId, entry)
      await records.put(STORE, modelId, entry)
    },
    async own(modelId) {
      kept.delete(modelId)
      if (own.has(modelId)) return
      own.add(modelId)
      await records.put(STORE, modelId, { own: true })
    },
    async remove(modelId) {
      kept.delete(modelId)
      own.delete(modelId)
      await records.delete(STORE, modelId)
    },
    toEvict(modelId, more, limit) {
      let bytes = total() + more
      const evicted: string[] = []
      const others = [...kept].filter(([id]) => id !== modelId).sort(([, a], [, b]) => a.usedAt - b.usedAt)
      for (const [id, entry] of others) {
        if (bytes <= limit) break
        evicted.push(id)
        bytes -= entry.bytes
      }
      if (bytes <= limit) return evicted
      throw new CentramError(
        'NO_CAPACITY',
        `This device keeps at most ${Math.round(limit / 1e6)} MB of models for other nodes, and this part would make it ` +
          `${Math.round(bytes / 1e6)} MB. Its owner can allow more on the Node page.`,
      )
    },
  }
}
