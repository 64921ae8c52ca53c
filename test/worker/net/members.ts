// Members of a room as the product wires them, without GPU and models: a swarm, and what it tells its peers about others.

import type { Records } from '../../../worker/storage/records.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import type { SocketFactory } from '../../../worker/net/signalling-client.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import { handlePeer } from '../../../worker/node/handlers/peer.ts'
import { createPeerExchange, type Load, type PeerExchange, type Query } from '../../../worker/node/peer-exchange.ts'
import { createRandom, createTrackedIdentity, createTrackedVerifier, type Simulation } from './simulation.ts'

export interface Member {
  readonly swarm: Swarm
  readonly exchange: PeerExchange
  readonly records: Records
  load: Load
  has: (query: Query) => readonly string[]
  enter(secret: Uint8Array): Promise<void>
}

export interface MemberOptions {
  readonly seed: number
  readonly transport?: string
  readonly records?: Records
  readonly connect?: SocketFactory
  /** Null for none. */
  readonly serverUrl?: string | null
}

const verifier = await createTrackedVerifier()
let starts = 0

export async function createMember(simulation: Simulation, name: string, options: MemberOptions): Promise<Member> {
  const { seed, serverUrl = 'ws://simulated/signal' } = options
  const start = ++starts
  const { clock } = simulation
  const identity = await createTrackedIdentity(seed)
  const swarm = createSwarm({
    identity,
    verifier,
    transport: simulation.network.createTransport(options.transport ?? `${name} ${start}`),
    connect: options.connect ?? simulation.connect,
    ...(serverUrl !== null && { serverUrl }),
    clock,
    random: createRandom(7000 + start * 31),
    name,
  })
  const records = options.records ?? createMemoryRecords()
  const member: Member = {
    swarm,
    records,
    load: { waiting: 0, running: 0, tokensPerSecond: 0, visibility: 'visible' },
    has: () => [],
    exchange: createPeerExchange({
      swarm,
      identity,
      verifier,
      clock,
      wallTime: () => 1_800_000_000_000 + Math.round(clock.now()),
      records,
      name: () => name,
      load: () => member.load,
      find: (query) => member.has(query),
      onChange: () => undefined,
    }),
    async enter(secret) {
      swarm.join(secret)
      await member.exchange.refresh()
    },
  }
  handlePeer(swarm, member.exchange, () => undefined)
  return member
}

export const linksOf = ({ swarm }: Member) => swarm.peers().filter(({ link }) => link === 'open').length
