// A room whose nodes have a ledger: swarm, gossip and keys as in a node, over links and storage of memory.

import { toHex } from '#core/crypto/bytes.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { createKeyBook, type KeyBook } from '../../../worker/node/key-book.ts'
import { ownerOf } from '../../../worker/node/key-changes.ts'
import { createLedger, type Ledger } from '../../../worker/node/ledger.ts'
import type { LedgerState } from '../../../worker/node/ledger-api.ts'
import { NO_LEDGER } from '../../../worker/node/ledger-state.ts'
// Fetched by a tab when it meets somebody; here it is to be there from the start, for time is counted.
import '../../../worker/node/reconciling.ts'
import { createRoomNews } from '../../../worker/node/room-news.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import type { PeerRefusal } from '../../../worker/net/session.ts'
import {
  createRandom,
  createSimulation,
  createTrackedIdentity,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from '../net/simulation.ts'

export interface Member {
  readonly id: string
  readonly identity: Identity
  readonly swarm: Swarm
  readonly keys: KeyBook
  readonly ledger: Ledger
  readonly records: Records
  /** What its person sees. */
  readonly state: () => LedgerState
  /** What others did not take of it. */
  readonly refusals: PeerRefusal[]
  readonly notices: string[]
}

/** Genomes that everyone holds the manifests of. */
export const genomes: SignedGenome[] = []

export interface LedgerRoom {
  readonly simulation: Simulation
  /** Enters the room; over the records of an earlier visit, where they are given. */
  enter(seed: number, records?: Records, overrides?: Partial<Surroundings>): Promise<Member>
  leave(member: Member): void
  /** Until each of `members` is linked with all the others. */
  linked(...members: readonly Member[]): Promise<void>
  until(condition: () => boolean, what?: string): Promise<void>
  /** Lets what was begun come to its end, in simulated time. */
  finish<T>(work: Promise<T>): Promise<T>
}

export async function createLedgerRoom(): Promise<LedgerRoom> {
  const simulation = await createSimulation()
  const { clock, network, connect } = simulation
  let count = 0

  const isLinked = (a: Member, b: Member) => a.swarm.peers().some(({ id, link }) => id === b.id && link === 'open')

  return {
    simulation,
    async enter(seed, records = createMemoryRecords(), overrides = {}) {
      const identity = overrides.identity ?? (await createTrackedIdentity(seed))
      const verifier = await createTrackedVerifier()
      const ends = new Map<string, Promise<unknown>>()
      const surroundings = {
        identity,
        verifier,
        records,
        settings: {},
        clock,
        wallTime: () => 1_790_000_000_000 + Math.round(clock.now()),
        random: createRandom(1000 * ++count + seed),
        withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
          const next = (ends.get(name) ?? Promise.resolve()).then(work)
          ends.set(
            name,
            next.catch(() => undefined),
          )
          return next
        },
        ...overrides,
      } as unknown as Surroundings
      let state: LedgerState = NO_LEDGER
      const keys = createKeyBook(records, verifier, () => undefined)
      await keys.start()
      const swarm = createSwarm({
        identity,
        verifier,
        transport: network.createTransport(`transport ${count}`),
        connect,
        serverUrl: 'ws://simulated/signal',
        clock,
        random: createRandom(2000 * count + seed),
        name: `Node ${seed}`,
        requireKey: keys.require,
      })
      const refusals: PeerRefusal[] = []
      const notices: string[] = []
      swarm.onPeerRefused((_peer, refusal) => refusals.push(refusal))
      const gossip = createRoomNews(surroundings, swarm)
      const owner = await ownerOf(surroundings)
      const ledger = createLedger(
        surroundings,
        {
          owner,
          swarm,
          gossip,
          keys,
          genomes: { all: () => genomes },
          nameOf: (peer) => peer.slice(0, 8),
          modelTitle: () => 'A model',
          notify: (_level, code, message) => notices.push(`${code} ${message}`),
        },
        (shown) => (state = shown),
      )
      await ledger.start()
      swarm.join(ROOM)
      const id = toHex(identity.publicKey)
      return { id, identity, swarm, keys, ledger, records, state: () => state, refusals, notices }
    },
    leave(member) {
      member.ledger.close()
      member.swarm.close()
    },
    async linked(...members) {
      const all = () => members.every((a) => members.every((b) => a === b || isLinked(a, b)))
      await clock.until(all, 20_000, 'the links')
    },
    async until(condition, what) {
      await clock.until(condition, 60_000, what)
    },
    async finish(work) {
      let over = false
      const done = work.finally(() => (over = true))
      done.catch(() => undefined)
      await clock.until(() => over, 60_000, 'what was begun')
      return done
    },
  }
}
