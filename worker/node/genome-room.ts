// Genomes between nodes, put together as `GenomeRoomApi`: the exchange, merges for others, judging for others. Wiring only.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Swarm } from '../net/swarm.ts'
import { parseProfile } from '../gpu/profile.ts'
import type { ContentExchange } from './content-exchange.ts'
import { createGateRoom, type GateRoom } from './gate-room.ts'
import type { GateApi, GateState } from './gate-api.ts'
import { createGenomeExchange } from './genome-exchange.ts'
import { createGenomeJudging, type Measure } from './genome-judging.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { GenomeMerges } from './genome-merge.ts'
import type { GpuShare } from './gpu-share.ts'
import { createGenomeProposals, type MergeSales } from './genome-proposals.ts'
import { handleGenome } from './handlers/genome.ts'
import type { KeyBook } from './key-book.ts'
import type { GenomeRoomApi, GenomeRoomState } from './lab-api.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Quarantine } from './quarantine.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'

export interface GenomeRoomParts {
  /** Names what this node keeps in records, whatever key it goes by. */
  readonly owner: string
  readonly swarm: Swarm
  readonly gossip: Gossip
  readonly keys: KeyBook
  readonly genomes: GenomeLibrary
  readonly quarantine: Quarantine
  readonly adapters: Pick<ModelAdapters, 'chosen' | 'read'>
  readonly merges: GenomeMerges
  readonly models: ModelLibrary
  readonly contents: Pick<ContentExchange, 'offerContent' | 'withdrawContent' | 'fetchContent'>
  readonly shards: Pick<ShardLoader, 'start' | 'state' | 'gpu' | 'profile' | 'load'>
  readonly nameOf: (peer: string) => string
  readonly sales: MergeSales
  /** Throws while this node computes nothing for others. */
  readonly requireHelping?: () => void
  /** Of the GPU, for what is measured. */
  readonly share?: GpuShare
}

export interface GenomeRoom {
  readonly api: GenomeRoomApi & GateApi
  readonly state: () => GenomeRoomState & GateState
  /** What genomes of one model do to the same private probes; null where this node cannot measure that. */
  readonly measure: GateRoom['measure']
  /** A private run ended in a genome. */
  noteTrained(genomeId: string, dataHash: string): Promise<void>
  /** Offers again what was shared at earlier visits. */
  start(): Promise<void>
}

export function createGenomeRoom(
  surroundings: Surroundings,
  parts: GenomeRoomParts,
  show: (change: GenomeRoomState & GateState) => void,
): GenomeRoom {
  const { owner, swarm, gossip, keys, genomes, quarantine, merges, models, contents, shards, nameOf } = parts
  const { records, clock, random } = surroundings
  const mergesKey = `merges-for-others/${owner}`
  let mergesForOthers = false
  const measure: Measure = async (model, adapter, sequences) => {
    await shards.start()
    const { measureAdapter } = await import('../train/measure.ts')
    const measured = () =>
      measureAdapter(shards.gpu(), model, { profile: parseProfile(shards.profile()), adapter, sequences })
    return parts.share ? parts.share.run(measured) : measured()
  }
  const state = (): GenomeRoomState & GateState => ({
    ...gate.state(),
    roomGenomes: exchange.list(),
    sharedGenomes: genomes.list().flatMap(({ id }) => (exchange.isShared(id) ? [id] : [])),
    mergesForOthers,
    judging: judging.state(),
  })
  const onChange = () => show(state())
  const gate = createGateRoom(surroundings, {
    ...parts,
    exchange: () => exchange,
    judging: () => judging,
    measure,
    onChange,
  })
  const exchange = createGenomeExchange({
    surroundings,
    owner,
    swarm,
    gossip,
    keys,
    genomes,
    models,
    contents,
    findAncestor: gate.lineage.find,
    nameOf,
    receive: gate.receive,
    onNew: gate.onNew,
    onWithdrawn: gate.onWithdrawn,
    onChange,
  })
  const judging = createGenomeJudging({ surroundings, owner, swarm, models, exchange, measure, onChange })
  const isWilling = () => mergesForOthers
  const proposals = createGenomeProposals({
    swarm,
    clock,
    random,
    genomes,
    merges,
    exchange,
    findAncestor: gate.lineage.find,
    isWilling,
    nameOf,
    sales: parts.sales,
  })
  const whileHelping =
    <Told extends readonly unknown[]>(work: (...told: Told) => Promise<void>) =>
    async (...told: Told) => {
      parts.requireHelping?.()
      await work(...told)
    }
  handleGenome(
    swarm,
    exchange,
    { ...proposals, onPropose: whileHelping(proposals.onPropose) },
    { ...judging, onRequest: whileHelping(judging.onRequest) },
  )

  const roomOf = () => (swarm.room === null ? '' : toHex(swarm.room.id))
  let room = roomOf()
  swarm.onChange(() => {
    if (roomOf() !== room) exchange.forget()
    room = roomOf()
  })

  return {
    state,
    measure: gate.measure,
    noteTrained: gate.statements.noteTrained,
    api: {
      ...gate.api,
      async shareGenome(genomeId, shared) {
        if (shared) quarantine.requireFree(genomeId)
        await exchange.share(genomeId, shared)
        if (shared) await gate.statements.state(genomes.find(genomeId))
      },
      async findGenomes(modelId, domain) {
        const { fingerprint } = await models.open(modelId)
        exchange.find(fingerprint, domain ?? null)
      },
      fetchGenome: exchange.fetch,
      proposeMerge: proposals.propose,
      async setMergesForOthers(allowed) {
        mergesForOthers = allowed
        await records.put('settings', mergesKey, allowed)
        onChange()
      },
      setJudgingText: judging.setText,
      async requestEvaluation(peer, genomeIds, domain, probes) {
        if (genomeIds.length === 0 || genomeIds.length > 16) {
          throw new CentramError('BAD_ARGUMENT', 'Choose 1 to 16 genomes to be judged.')
        }
        await judging.request(peer, genomeIds, domain, probes)
      },
    },
    async start() {
      mergesForOthers = (await records.get('settings', mergesKey)) === true
      await judging.start()
      await exchange.start()
      await gate.start()
      for (const { id } of genomes.list()) if (exchange.isShared(id)) await gate.statements.state(genomes.find(id))
      onChange()
    },
  }
}
