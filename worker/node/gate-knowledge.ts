// Everything this node knows that the gate may use, gathered for one judgement.

import { toHex } from '#core/crypto/bytes.ts'
import type { AdapterUpdates, GateContext, KnownAdapter } from '#core/gate/layer.ts'
import type { GateRecords } from '#core/gate/records.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Swarm } from '../net/swarm.ts'
import type { GateBench } from './gate-bench.ts'
import type { GenomeExchange } from './genome-exchange.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { KeyBook } from './key-book.ts'
import type { LineageExchange } from './lineage-exchange.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Quarantine } from './quarantine.ts'
import type { Surroundings } from './surroundings.ts'

export interface GateKnowledge {
  /** For a genome of the model of that fingerprint. */
  gather(base: string, records: GateRecords, bench: GateBench | null): Promise<GateContext>
  /** ΔW of a genome whose tensors are here; null for another. */
  updatesOf(genomeId: string): Promise<AdapterUpdates | null>
}

export interface GateKnowledgeOptions {
  readonly surroundings: Pick<Surroundings, 'verifier' | 'clock' | 'wallTime' | 'random'>
  readonly swarm: Pick<Swarm, 'id'>
  readonly keys: Pick<KeyBook, 'status' | 'isSameNode'>
  readonly gossip: Pick<Gossip, 'scoreOf'>
  readonly genomes: Pick<GenomeLibrary, 'all' | 'readTensors'>
  readonly models: Pick<ModelLibrary, 'byFingerprint' | 'open'>
  readonly quarantine: Pick<Quarantine, 'get'>
  readonly lineage: Pick<LineageExchange, 'find'>
  readonly exchange: Pick<GenomeExchange, 'withdrawnAt'>
}

export function createGateKnowledge(options: GateKnowledgeOptions): GateKnowledge {
  const { surroundings, swarm, keys, genomes, models, quarantine, lineage } = options
  const { clock } = surroundings

  async function readOf({ id, manifest }: SignedGenome): Promise<AdapterUpdates> {
    const { readUpdates } = await import('#core/gate/read-updates.ts')
    return readUpdates({ family: manifest.base.family, ...manifest.lora }, await genomes.readTensors(id))
  }
  const adapterOf = (genome: SignedGenome): KnownAdapter => ({
    id: genome.id,
    manifest: genome.manifest,
    updates: () => readOf(genome),
  })
  const isOwn = ({ manifest }: SignedGenome) => keys.isSameNode(toHex(manifest.author), swarm.id)

  return {
    async gather(base, records, bench) {
      const same = genomes.all().filter(({ manifest }) => manifest.base.hash === base)
      const others = same.filter((genome) => !isOwn(genome) && quarantine.get(genome.id)?.judged?.accepted !== false)
      const trained = same
        .filter((genome) => isOwn(genome) && genome.manifest.operator === 'train')
        .sort((a, b) => b.manifest.createdAt - a.manifest.createdAt)[0]
      const modelId = models.byFingerprint(base)
      return {
        now: surroundings.wallTime,
        elapsed: clock.now,
        random: surroundings.random,
        verify: surroundings.verifier,
        rules: DEFAULT_RULES,
        records,
        keys: { status: keys.status, isSame: keys.isSameNode },
        scoreOf: options.gossip.scoreOf,
        // What the room has forgotten, or another room was told, the arrival’s own record still says.
        withdrawnAt: (genomeId, author) =>
          options.exchange.withdrawnAt(genomeId, author) ?? quarantine.get(genomeId)?.withdrawnAt ?? null,
        findGenome: (genomeId) => lineage.find(genomeId) ?? null,
        adapters: same.map(adapterOf),
        base: modelId === undefined ? null : { hash: base, config: (await models.open(modelId)).config },
        cohort: others.map(adapterOf),
        root: trained ? await readOf(trained) : null,
        evaluate: bench?.evaluate ?? null,
        canaries: bench?.canaries ?? null,
        behave: bench?.behave ?? null,
      }
    },

    async updatesOf(genomeId) {
      const genome = genomes.all().find(({ id }) => id === genomeId)
      return genome ? readOf(genome) : null
    },
  }
}
