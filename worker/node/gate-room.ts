// The gate between nodes, put together: arrivals, verdicts, challenges, statements, lineages and the rules of a person. Wiring
// only.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { PairedLoss } from '#core/genome/bootstrap.ts'
import { decodeAdapterTensors } from '#core/genome/peft-adapter.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { News } from '#core/gossip/news.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Verdict } from '../net/gossip-options.ts'
import type { Swarm } from '../net/swarm.ts'
import { describeArrival } from './arrival-words.ts'
import { createDpStatements, type DpStatements } from './dp-statements.ts'
import type { GateApi, GateState } from './gate-api.ts'
import type { GateBenchOptions } from './gate-bench.ts'
import { createGateChallenges } from './gate-challenges.ts'
import { createGateKeeper } from './gate-keeper.ts'
import { createGateKnowledge } from './gate-knowledge.ts'
import { createGateSettings } from './gate-settings.ts'
import { createGateVerdicts } from './gate-verdicts.ts'
import type { Delivery } from './genome-delivery.ts'
import type { GenomeExchange } from './genome-exchange.ts'
import type { GenomeJudging, Measure } from './genome-judging.ts'
import { loraOf, type GenomeLibrary } from './genome-library.ts'
import type { GenomeSummary } from './genome-summary.ts'
import { handleGate } from './handlers/gate.ts'
import type { KeyBook } from './key-book.ts'
import type { Told, Withdrawal } from './known-genomes.ts'
import { createLineageDisputes } from './lineage-disputes.ts'
import { createLineageExchange, type LineageExchange } from './lineage-exchange.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import type { Quarantine } from './quarantine.ts'
import { createRoomVoice } from './room-voice.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'

export interface GateRoomParts {
  readonly owner: string
  readonly swarm: Swarm
  readonly gossip: Gossip
  readonly keys: KeyBook
  readonly genomes: GenomeLibrary
  readonly quarantine: Quarantine
  readonly models: ModelLibrary
  readonly adapters: Pick<ModelAdapters, 'chosen' | 'read'>
  readonly shards: Pick<ShardLoader, 'start' | 'state' | 'profile' | 'load'>
  /** These need the gate, as the gate needs them: they are asked for when they are used. */
  readonly exchange: () => GenomeExchange
  readonly judging: () => GenomeJudging
  readonly measure: Measure
  readonly nameOf: (peer: string) => string
  readonly onChange: () => void
}

export interface GateRoom {
  readonly api: GateApi
  readonly state: () => GateState
  readonly statements: DpStatements
  readonly lineage: LineageExchange
  /** What genomes of one model do to the same private probes; null where this node cannot measure that. */
  measure(genomeIds: readonly string[]): Promise<readonly (readonly PairedLoss[])[] | null>
  receive(delivery: Delivery): Promise<SignedGenome>
  onNew(summary: GenomeSummary, told: Told): void
  onWithdrawn(withdrawal: Withdrawal): void
  start(): Promise<void>
}

const TOPIC = 'gate'

export function createGateRoom(surroundings: Surroundings, parts: GateRoomParts): GateRoom {
  const { owner, swarm, gossip, keys, genomes, quarantine, models, shards, exchange, onChange } = parts
  const { records, clock, random } = surroundings
  const voice = createRoomVoice(TOPIC, gossip, swarm)
  const isHere = (genomeId: string) => genomes.all().some(({ id }) => id === genomeId)
  const isOfInterest = (genomeId: string) =>
    isHere(genomeId) || quarantine.get(genomeId) !== undefined || exchange().announcementOf(genomeId) !== undefined
  const bench: GateBenchOptions = {
    models,
    judging: { privateProbes: (model) => parts.judging().privateProbes(model) },
    adapters: parts.adapters,
    shards,
    measure: parts.measure,
    random,
    maxWeight: DEFAULT_RULES.fitness.maxWeight,
  }
  const lineage = createLineageExchange({ surroundings, genomes, voice })
  const knowledge = createGateKnowledge({
    surroundings,
    swarm,
    keys,
    gossip,
    genomes,
    models,
    quarantine,
    lineage,
    exchange: { withdrawnAt: (genomeId, author) => exchange().withdrawnAt(genomeId, author) },
  })
  const statements = createDpStatements({ surroundings, owner, voice, swarm, keys, isOfInterest, onChange })
  const disputes = createLineageDisputes({
    surroundings,
    voice,
    keys,
    updatesOf: knowledge.updatesOf,
    copyCosine: DEFAULT_RULES.lineage.copyCosine,
    isOfInterest,
    onChange,
  })
  const verdicts = createGateVerdicts({
    surroundings,
    swarm,
    voice,
    keys,
    isOfInterest,
    onLearned: (known) => {
      const own = quarantine.get(known.genome)?.judged
      if (own) void challenges.compare(known, own.findings)
    },
    onChange,
  })
  const challenges = createGateChallenges({
    surroundings,
    swarm,
    verdicts,
    voice,
    keys,
    manifestOf: (genomeId) => lineage.find(genomeId)?.bytes,
    judgeAgain: async (genomeId) => (isHere(genomeId) ? keeper.judgeAgain(genomeId) : null),
    onChange,
  })
  const settings = createGateSettings({
    records,
    clock,
    owner,
    quarantine,
    announced: () => exchange().announced(),
    isHere,
    fetch: (genomeId) => exchange().fetch(genomeId),
    onChange,
  })
  const keeper = createGateKeeper({
    surroundings,
    owner,
    quarantine,
    keys,
    genomes,
    models,
    exchange: { holdersOf: (genomeId) => exchange().holdersOf(genomeId) },
    knowledge,
    openBench: async (modelId) => (await import('./gate-bench.ts')).openGateBench(bench, modelId),
    lineage,
    statements,
    verdicts,
    disputes,
    async onJudged(genomeId, outcome) {
      await settings.onJudged(genomeId, outcome)
      const own = quarantine.get(genomeId)?.judged
      if (own) for (const known of verdicts.of(genomeId)) await challenges.compare(known, own.findings)
    },
    onChange,
  })

  async function onNews({ author, content }: News): Promise<Verdict> {
    const by = toHex(author)
    if (keys.status(by) !== 'current') return 'ignore'
    try {
      if (content.name === 'GATE_VERDICT') {
        return content.body.query === null && (await verdicts.learn(by, content.body)) ? 'accept' : 'ignore'
      }
      if (content.name === 'GATE_DP_STATEMENT') return (await statements.learn(by, content.body)) ? 'accept' : 'ignore'
      if (content.name !== 'GATE_LINEAGE_DISPUTE') return 'ignore'
      return (await disputes.learn(by, content.body)) ? 'accept' : 'ignore'
    } catch (error) {
      return error instanceof CentramError && error.code === 'SIGNATURE_INVALID' ? 'reject' : 'ignore'
    }
  }
  gossip.subscribe(TOPIC, { names: ['GATE_VERDICT', 'GATE_DP_STATEMENT', 'GATE_LINEAGE_DISPUTE'], onNews })
  handleGate(swarm, { verdicts, challenges, statements, lineage, disputes })

  const decide = (genomeId: string, use: 'allowed' | 'held') => {
    if (quarantine.get(genomeId)?.hasFiles === false) {
      throw new CentramError(
        'BAD_ARGUMENT',
        'This genome was refused before its files were kept. There is nothing to use.',
      )
    }
    return quarantine.change(genomeId, { use, decidedBy: 'person' })
  }

  return {
    statements,
    lineage,
    async measure(genomeIds) {
      const here = genomeIds.map((id) => genomes.find(id))
      const modelId = models.byFingerprint(here[0]?.manifest.base.hash ?? '')
      if (modelId === undefined) return null
      const { measureOnProbes } = await import('./gate-bench.ts')
      return measureOnProbes(bench, modelId, ({ config }) =>
        Promise.all(
          here.map(async ({ id, manifest }) =>
            decodeAdapterTensors(config, loraOf(manifest), await genomes.readTensors(id)),
          ),
        ),
      )
    },
    receive: keeper.receive,
    onNew(summary, { by }) {
      if (by !== null) keeper.onAnnounced(toHex(summary.genome), summary.at)
      settings.consider(summary)
    },
    onWithdrawn: keeper.onWithdrawn,
    state: () => ({
      arrivals: quarantine
        .all()
        .filter(({ use }) => use !== 'removed')
        .map((arrival) =>
          describeArrival(arrival, {
            isJudging: keeper.isJudging(arrival.id),
            isContradicted: statements.isContradicted(arrival.id),
            verdicts: verdicts.of(arrival.id).filter(({ judge }) => !keys.isSameNode(judge, swarm.id)),
            challengesOf: challenges.of,
            disputes: disputes.of(arrival.id),
            nameOf: (key) => (keys.isSameNode(key, swarm.id) ? null : parts.nameOf(keys.current(key))),
          }),
        )
        .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1)),
      gateRules: settings.get(),
    }),
    api: {
      allowGenome: (genomeId) => decide(genomeId, 'allowed'),
      holdGenome: (genomeId) => decide(genomeId, 'held'),
      async judgeGenome(genomeId) {
        await keeper.judgeAgain(genomeId)
      },
      async askForVerdicts(genomeId) {
        verdicts.ask(genomeId)
      },
      async disputeVerdict(genomeId, judge) {
        const known = verdicts.of(genomeId).find((each) => keys.isSameNode(each.judge, judge))
        const own = quarantine.get(genomeId)?.judged
        if (!known || !own) throw new CentramError('BAD_ARGUMENT', 'There are no two verdicts on it to compare.')
        await challenges.dispute(known, own.findings)
      },
      setGateRules: settings.set,
    },
    async start() {
      await lineage.start()
      await settings.start()
      for (const { judged } of quarantine.all()) if (judged) await verdicts.restore(judged).catch(() => undefined)
      await keeper.start()
    },
  }
}
