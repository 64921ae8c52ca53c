// Which genomes each model answers with, as a person chose: kept over reloads, and read when the model is loaded.

import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { ActiveAdapter } from '../model/shard.ts'
import type { Records } from '../storage/records.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { ActiveGenome } from './lab-api.ts'

export interface ModelAdapters {
  /** Reads what was kept from earlier visits. */
  start(): Promise<void>
  chosen(modelId: string): readonly ActiveGenome[]
  /** Throws `BAD_ARGUMENT` for a genome that is not here, one named twice, or a weight that is no number; `QUARANTINED`. */
  choose(modelId: string, adapters: readonly ActiveGenome[]): Promise<void>
  /** Throws `MODEL_MISMATCH` for one that does not fit, `SOURCE_CORRUPT`. */
  read(model: OpenedModel, adapters: readonly ActiveGenome[]): Promise<ActiveAdapter[]>
  /** Models that were chosen to answer with a genome. */
  usersOf(genomeId: string): readonly string[]
}

const STORE = 'adapters'
const MAX_ACTIVE = 16

export function createModelAdapters(genomes: GenomeLibrary, records: Records, self: string): ModelAdapters {
  const choices = new Map<string, readonly ActiveGenome[]>()
  // Tabs of one browser share the records; each chats with adapters of its own.
  const prefix = `${self}/`

  function check(adapters: readonly ActiveGenome[]): void {
    for (const { genomeId, weight } of adapters) {
      genomes.findFree(genomeId)
      if (!Number.isFinite(weight)) throw new CentramError('BAD_ARGUMENT', `${weight} is no weight of an adapter.`)
    }
    if (new Set(adapters.map(({ genomeId }) => genomeId)).size !== adapters.length) {
      throw new CentramError('BAD_ARGUMENT', 'An adapter was chosen twice. Raise its weight instead.')
    }
    if (adapters.length > MAX_ACTIVE) {
      throw new CentramError('BAD_ARGUMENT', `${MAX_ACTIVE} adapters at once are the most. Merge some of them first.`)
    }
  }

  return {
    async start() {
      for (const key of await records.keys(STORE)) {
        if (!key.startsWith(prefix)) continue
        const kept = await records.get(STORE, key)
        if (!Array.isArray(kept)) continue
        // A genome may have been removed in another tab.
        choices.set(key.slice(prefix.length), kept.filter(isActive).filter(isHere))
      }
    },

    chosen: (modelId) => choices.get(modelId) ?? [],

    async choose(modelId, adapters) {
      check(adapters)
      const plain = adapters.map(({ genomeId, weight }): ActiveGenome => ({ genomeId, weight }))
      if (plain.length > 0) await records.put(STORE, prefix + modelId, plain)
      else await records.delete(STORE, prefix + modelId)
      choices.set(modelId, plain)
    },

    async read(model, adapters) {
      check(adapters)
      const active: ActiveAdapter[] = []
      for (const { genomeId, weight } of adapters) {
        active.push({ adapter: await genomes.readAdapter(genomeId, model.config), weight })
      }
      return active
    },

    usersOf: (genomeId) =>
      [...choices]
        .filter(([, list]) => list.some((active) => active.genomeId === genomeId))
        .map(([modelId]) => modelId),
  }

  function isHere({ genomeId }: ActiveGenome): boolean {
    return genomes.list().some(({ id }) => id === genomeId)
  }
}

function isActive(value: unknown): value is ActiveGenome {
  if (typeof value !== 'object' || value === null) return false
  const { genomeId, weight } = value as Partial<ActiveGenome>
  return typeof genomeId === 'string' && typeof weight === 'number' && Number.isFinite(weight)
}
