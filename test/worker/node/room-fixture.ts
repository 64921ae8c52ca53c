// Rooms of simulated nodes that train, share, judge and merge genomes, without a GPU.

import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import type { PeerMessageName } from '#core/protocol/registry.ts'
import { createContentExchange } from '../../../worker/node/content-exchange.ts'
import { createGenomeMerges } from '../../../worker/node/genome-merge.ts'
import { createGenomeRoom, type GenomeRoom } from '../../../worker/node/genome-room.ts'
import { handleContent } from '../../../worker/node/handlers/content.ts'
import { createKeyBook } from '../../../worker/node/key-book.ts'
import { createRoomNews } from '../../../worker/node/room-news.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import type { PeerHandler } from '../../../worker/net/handler-table.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createRandom, createSimulation, ROOM, type Simulation } from '../net/simulation.ts'
import { createPlace, type Lab, type Place } from './lab-fixture.ts'

export interface Member {
  readonly swarm: Swarm
  readonly lab: Lab
  readonly room: GenomeRoom
  readonly place: Place
  /** Merges that it carried out for others, or had carried out and found right. */
  readonly sales: readonly string[]
  /** Handlers that take the place of the product's: those of a node that does as it likes. */
  readonly instead: Map<PeerMessageName, PeerHandler<PeerMessageName>>
}

export async function enter(simulation: Simulation, name: string, seed: number): Promise<Member> {
  const { clock } = simulation
  const place = createPlace('llama-hf')
  const lab = await place.open(seed)
  const swarm = await simulation.createNode(name, { seed })
  const instead: Member['instead'] = new Map()
  const replaceable = Object.create(swarm, {
    handle: {
      value: (message: PeerMessageName, handler: PeerHandler<PeerMessageName>) =>
        swarm.handle(message, (...said) => (instead.get(message) ?? handler)(...said)),
    },
  }) as Swarm
  const surroundings = {
    identity: identityFromSeed(new Uint8Array(32).fill(seed)),
    verifier: plainVerifier,
    records: place.records,
    clock,
    wallTime: () => 1_790_000_000_000 + Math.round(clock.now()),
    random: createRandom(seed),
  } as unknown as Surroundings
  const keys = createKeyBook(place.records, plainVerifier, () => undefined)
  const gossip = createRoomNews(surroundings, swarm)
  const contents = createContentExchange({ swarm, clock, limits: () => ({ enabled: true, bytesPerSecond: null }) })
  handleContent(swarm, contents)
  const sales: string[] = []
  const room = createGenomeRoom(
    surroundings,
    {
      owner: `node ${seed}`,
      swarm: replaceable,
      gossip,
      keys,
      genomes: lab.genomes,
      quarantine: lab.quarantine,
      adapters: { chosen: () => [], read: async () => [] },
      merges: createGenomeMerges(lab.genomes, systemClock, () => undefined),
      models: lab.models,
      contents,
      shards: {
        start: async () => Promise.reject(new Error('There is no GPU.')),
        state: () => ({ kind: 'starting' }),
        gpu: () => ({}) as never,
        profile: () => '',
        load: async () => Promise.reject(new Error('There is no GPU.')),
      },
      nameOf: (peer) => swarm.peers().find(({ id }) => id === peer)?.name ?? peer.slice(0, 8),
      // What becomes of receipts is usage-receipts.test.ts's to say.
      sales: {
        requirePayable: () => undefined,
        sold: async (_peer, { genome }) => void sales.push(`sold ${toHex(genome)}`),
        bought: (_peer, { genome }) => void sales.push(`bought ${toHex(genome)}`),
      },
    },
    () => undefined,
  )
  await room.start()
  swarm.join(ROOM)
  return { swarm, lab, room, place, instead, sales }
}

export async function createRoom(names: readonly string[]): Promise<Simulation & { members: Member[] }> {
  const simulation = await createSimulation()
  const members: Member[] = []
  for (const [index, name] of names.entries()) members.push(await enter(simulation, name, 31 + index))
  const isWhole = () =>
    members.every(({ swarm }) => swarm.peers().filter(({ link }) => link === 'open').length === names.length - 1)
  await simulation.clock.until(isWhole, 60_000, 'the full mesh')
  await simulation.clock.advance(2_000)
  return { ...simulation, members }
}

/** Time moves on while something is under way. */
export async function during<Result>({ clock }: Pick<Simulation, 'clock'>, work: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = () => void (isOver = true)
  work.then(over, over)
  while (!isOver) await clock.advance(50)
  return work
}
