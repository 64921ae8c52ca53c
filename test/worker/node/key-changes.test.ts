// A node that changes its key: neighbours and those who hear of it by gossip follow, a stolen old key opens no session any more,
// and what the node kept stays its own.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed, plainVerifier, type Identity } from '#core/crypto/identity.ts'
import { signRevocation, signRotation } from '#core/protocol/key-history.ts'
import { handleKeys } from '../../../worker/node/handlers/keys.ts'
import { createKeyBook, type KeyBook } from '../../../worker/node/key-book.ts'
import { createKeyChanges, ownerOf, type KeyChanges } from '../../../worker/node/key-changes.ts'
import { createRoomNews } from '../../../worker/node/room-news.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import {
  createRandom,
  createSimulation,
  createTrackedIdentity,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from '../net/simulation.ts'

interface Member {
  readonly swarm: Swarm
  readonly keys: KeyBook
  readonly changes: KeyChanges
  readonly records: Records
  readonly stolen: string[]
  /** The identity that the next start finds. */
  readonly kept: () => Identity | null
}

let count = 0
async function enter(simulation: Simulation, seed: number, records: Records, identity?: Identity): Promise<Member> {
  const { clock, network, connect } = simulation
  const own = identity ?? (await createTrackedIdentity(seed))
  const keys = createKeyBook(records, plainVerifier, () => undefined)
  await keys.start()
  const swarm = createSwarm({
    identity: own,
    verifier: await createTrackedVerifier(),
    transport: network.createTransport(`transport ${++count}`),
    connect,
    serverUrl: 'ws://simulated/signal',
    clock,
    random: createRandom(1000 * count + seed),
    name: `Node ${seed}`,
    requireKey: keys.require,
  })
  let kept: Identity | null = null
  const surroundings = {
    identity: own,
    verifier: plainVerifier,
    records,
    clock,
    wallTime: () => 1_790_000_000_000 + Math.round(clock.now()),
    random: createRandom(seed + count),
    async successor() {
      const next = identityFromSeed(new Uint8Array(32).fill(100 + count))
      return { identity: next, keep: async () => void (kept = next) }
    },
  } as unknown as Surroundings
  const stolen: string[] = []
  const changes = createKeyChanges({
    surroundings,
    owner: await ownerOf(surroundings),
    swarm,
    gossip: createRoomNews(surroundings, swarm),
    keys,
    onStolen: () => stolen.push('stolen'),
  })
  handleKeys(swarm, changes)
  swarm.join(ROOM)
  return { swarm, keys, changes, records, stolen, kept: () => kept }
}

const isLinked = (a: Member, b: Member) => a.swarm.peers().some(({ id, link }) => id === b.swarm.id && link === 'open')

async function createTrio() {
  const simulation = await createSimulation()
  const [ada, ben, cleo] = (await Promise.all(
    [81, 82, 83].map((seed) => enter(simulation, seed, createMemoryRecords())),
  )) as [Member, Member, Member]
  const { clock } = simulation
  await clock.until(() => isLinked(ada, ben) && isLinked(ben, cleo) && isLinked(ada, cleo), 10_000)
  await clock.advance(2_000)
  return { ...simulation, simulation, ada, ben, cleo }
}

/** The change is told, the tab goes and is opened again under the key that it kept. */
async function restart(simulation: Simulation, member: Member, seed: number): Promise<Member> {
  member.swarm.close()
  await simulation.clock.advance(1_000)
  return enter(simulation, seed, member.records, member.kept() ?? undefined)
}

describe('a changed key', () => {
  it.each(['retired', 'compromised'] as const)('is followed by all (%s), and the old one refused', async (how) => {
    const { simulation, clock, ada, ben, cleo } = await createTrio()
    const change = ada.changes.change(how)
    await clock.advance(3_000)
    await change
    const next = toHex(ada.kept()?.publicKey ?? new Uint8Array())
    for (const { keys } of [ben, cleo]) {
      expect(keys.current(ada.swarm.id)).toBe(next)
      expect(keys.isSameNode(next, ada.swarm.id)).toBe(true)
      expect(keys.status(ada.swarm.id)).toBe('revoked')
    }
    const again = await restart(simulation, ada, 81)
    expect(again.swarm.id).toBe(next)
    await clock.until(() => isLinked(again, ben) && isLinked(again, cleo), 20_000)
    // Who has the old key is not let in again, by any of them.
    const thief = await enter(simulation, 81, createMemoryRecords())
    await clock.advance(15_000)
    expect(thief.swarm.id).toBe(ada.swarm.id)
    for (const member of [ben, cleo, again]) expect(isLinked(member, thief)).toBe(false)
  })

  it('keeps what the node kept, over several changes, and tells the whole way to who was away', async () => {
    const { simulation, clock, ada, ben } = await createTrio()
    const owner = (member: Member, identity: Identity) => ownerOf({ identity, records: member.records })
    const first = ada.swarm.id
    ben.swarm.close()
    await clock.advance(1_000)
    let now = ada
    for (let time = 0; time < 3; time++) {
      const change = now.changes.change('retired')
      await clock.advance(2_000)
      await change
      expect(await owner(now, now.kept() as Identity)).toBe(first)
      now = await restart(simulation, now, 81)
    }
    expect(now.keys.generation(now.swarm.id)).toBe(3)
    const back = await enter(simulation, 82, ben.records)
    await clock.until(() => isLinked(back, now), 20_000)
    await clock.advance(2_000)
    expect(back.keys.current(first)).toBe(now.swarm.id)
    // It is kept over a reload.
    const later = createKeyBook(back.records, plainVerifier, () => undefined)
    await later.start()
    expect(later.current(first)).toBe(now.swarm.id)
    expect(later.status(first)).toBe('revoked')
  })

  it('leaves no tie where a node starts anew', async () => {
    const { simulation, clock, ada, ben } = await createTrio()
    const change = ada.changes.change('anew')
    await clock.advance(2_000)
    await change
    expect(ben.keys.status(ada.swarm.id)).toBe('revoked')
    const again = await restart(simulation, ada, 81)
    await clock.until(() => isLinked(again, ben), 20_000)
    expect(ben.keys.isSameNode(again.swarm.id, ada.swarm.id)).toBe(false)
  })

  it('is not made by others: a stranger’s key is neither rotated nor revoked, and a theft is noticed', async () => {
    const { clock, ada, ben, cleo } = await createTrio()
    const eve = identityFromSeed(new Uint8Array(32).fill(66))
    const refusals: string[] = []
    ben.swarm.onPeerRefused((_, { code, about }) => refusals.push(`${about} ${code}`))
    // Ben tells of a rotation between keys that are not his.
    const strange = await signRotation(eve, identityFromSeed(new Uint8Array(32).fill(67)), 1, 1)
    ben.swarm.send(cleo.swarm.id, 'SESSION_KEY_ROTATE', strange)
    // He revokes Ada's key by one that does not follow it.
    const by = await signRevocation(eve, { key: bytesOf(ada.swarm.id), successor: null, why: 'lost', at: 1 })
    ben.swarm.send(cleo.swarm.id, 'PEER_KEY_REVOKE', by)
    ben.swarm.send(cleo.swarm.id, 'PEER_KEY_REVOKE', { ...by, signature: new Uint8Array(64).fill(1) })
    await clock.advance(1_000)
    expect(refusals).toEqual(['SESSION_KEY_ROTATE BAD_ARGUMENT', 'PEER_KEY_REVOKE SIGNATURE_INVALID'])
    expect(cleo.keys.status(ada.swarm.id)).toBe('current')
    expect(cleo.keys.status(toHex(eve.publicKey))).toBe('current')
    // Somebody who has Ada's key revokes it: Ada learns of it, and the others put the key out.
    const stolen = await createTrackedIdentity(81)
    const theft = await signRevocation(stolen, { key: stolen.publicKey, successor: null, why: 'compromised', at: 2 })
    cleo.swarm.send(ada.swarm.id, 'PEER_KEY_REVOKE', theft)
    cleo.swarm.send(ben.swarm.id, 'PEER_KEY_REVOKE', theft)
    await clock.advance(1_000)
    expect(ada.stolen).toEqual(['stolen'])
    expect(isLinked(ben, ada)).toBe(false)
    await expect(ada.changes.change('retired')).rejects.toThrow(/changed already/)
  })
})

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
