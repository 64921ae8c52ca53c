// Gossip over real sessions: frames are signed by who passes news on, news by its author; who forges it loses its link.

import { describe, expect, it } from 'vitest'
import { plainVerifier } from '#core/crypto/identity.ts'
import { signRevocation } from '#core/protocol/key-history.ts'
import { signNews } from '#core/gossip/news.ts'
import type { Gossip } from '../../../../worker/net/gossip.ts'
import type { Swarm } from '../../../../worker/net/swarm.ts'
import { createRoomNews } from '../../../../worker/node/room-news.ts'
import { createMemoryRecords, type Records } from '../../../../worker/storage/records.ts'
import { createRandom, createSimulation, createTrackedIdentity, ROOM, type Simulation } from '../simulation.ts'

const TOPIC = 'keys'

interface Member {
  readonly swarm: Swarm
  readonly gossip: Gossip
  readonly heard: number[]
  /** Names of the messages that its gossip sent. */
  readonly said: string[]
  readonly records: Records
}

async function enter(simulation: Simulation, seed: number, records = createMemoryRecords()): Promise<Member> {
  const swarm = await simulation.createNode(`Node ${seed}`, { seed })
  const surroundings = {
    identity: await createTrackedIdentity(seed),
    verifier: plainVerifier,
    clock: simulation.clock,
    wallTime: () => 1_790_000_000_000,
    random: createRandom(seed),
    records,
  }
  const said: string[] = []
  const send: Swarm['send'] = (peer, name, body, tail) => {
    swarm.send(peer, name, body, tail)
    said.push(name)
  }
  const gossip = createRoomNews(surroundings, Object.create(swarm, { send: { value: send } }) as Swarm)
  const heard: number[] = []
  gossip.subscribe(TOPIC, {
    names: ['PEER_KEY_REVOKE'],
    onNews({ sequence }) {
      heard.push(sequence)
      return 'accept'
    },
  })
  swarm.join(ROOM)
  return { swarm, gossip, heard, said, records }
}

async function createRoom(count: number): Promise<Simulation & { members: Member[] }> {
  const simulation = await createSimulation()
  const members = await Promise.all(Array.from({ length: count }, (_, i) => enter(simulation, 110 + i)))
  await simulation.clock.until(() => members.every(({ swarm }) => openPeers(swarm) === count - 1), 10_000)
  await simulation.clock.advance(2_000)
  return { ...simulation, members }
}

const openPeers = (swarm: Swarm) => swarm.peers().filter(({ link }) => link === 'open').length

async function revocation(seed: number) {
  const identity = await createTrackedIdentity(seed)
  return signRevocation(identity, { key: identity.publicKey, successor: null, why: 'lost', at: 1 })
}

describe('gossip over sessions', () => {
  it('brings news to everyone, numbered on over a reload', async () => {
    const simulation = await createRoom(5)
    const { clock, members } = simulation
    const [ada, ...others] = members as [Member, ...Member[]]
    await ada.gossip.publish(TOPIC, 'PEER_KEY_REVOKE', await revocation(150))
    await clock.advance(1_000)
    for (const { heard } of others) expect(heard).toEqual([0])
    ada.swarm.close()
    ada.gossip.close()
    await clock.advance(5_000)
    const again = await enter(simulation, 110, ada.records)
    await clock.until(() => openPeers(again.swarm) === 4, 20_000)
    await clock.advance(2_000)
    await again.gossip.publish(TOPIC, 'PEER_KEY_REVOKE', await revocation(151))
    await clock.advance(1_000)
    for (const { heard } of others) expect(heard).toEqual([0, 1])
  })

  it('ends the link with who passes on what nobody signed, and no other', async () => {
    const { clock, members } = await createRoom(4)
    const [ada, ben, ...others] = members as [Member, Member, ...Member[]]
    const losses: string[] = []
    ben.swarm.onPeerLost((peer, { code }) => losses.push(`${peer === ada.swarm.id ? 'Ada' : 'other'} ${code}`))
    const author = await createTrackedIdentity(150)
    for (let sequence = 0; sequence < 3; sequence++) {
      const head = { topic: TOPIC, sequence, at: 1 }
      const signed = await signNews(author, head, 'PEER_KEY_REVOKE', await revocation(150))
      ada.swarm.send(ben.swarm.id, 'GOSSIP_PUBLISH', { ...signed, signature: new Uint8Array(64).fill(1) })
    }
    await clock.advance(1_000)
    expect(losses).toEqual(['Ada PROTOCOL_VIOLATION'])
    expect(openPeers(ben.swarm)).toBe(2)
    expect(ben.heard).toEqual([])
    // Ada is not spoken to for a while, and what she says reaches Ben by the others.
    await ada.gossip.publish(TOPIC, 'PEER_KEY_REVOKE', await revocation(151))
    await clock.advance(3_000)
    for (const { heard } of [ben, ...others]) expect(heard).toEqual([0])
  })

  it('takes leave of its mesh, and takes part again when it comes back, at once or later', async () => {
    const { clock, members } = await createRoom(5)
    const [ada, ...others] = members as [Member, ...Member[]]
    const [ben] = others as [Member]
    expect(ada.gossip.meshOf(TOPIC)).toHaveLength(4)
    ada.said.length = 0
    ada.swarm.leave()
    await clock.advance(1_000)
    const toEach = (name: string) => Array.from({ length: 4 }, () => name)
    expect(ada.said).toEqual([...toEach('GOSSIP_PRUNE'), ...toEach('GOSSIP_UNSUBSCRIBE')])
    for (const { gossip } of others) expect(gossip.meshOf(TOPIC)).not.toContain(ada.swarm.id)

    ada.swarm.join(ROOM)
    await clock.until(() => openPeers(ada.swarm) === 4, 20_000)
    await ben.gossip.publish(TOPIC, 'PEER_KEY_REVOKE', await revocation(150))
    await clock.advance(15_000)
    expect(ada.heard).toEqual([0])
    expect(ada.gossip.meshOf(TOPIC)).toHaveLength(4)
    for (const { gossip } of others) expect(gossip.scoreOf(ada.swarm.id)).toBeGreaterThanOrEqual(0)
  })

  it('does not pass news on into another room', async () => {
    const simulation = await createRoom(2)
    const { clock, members } = simulation
    const [ada, ben] = members as [Member, Member]
    await ada.gossip.publish(TOPIC, 'PEER_KEY_REVOKE', await revocation(150))
    await clock.advance(100)
    expect(ben.heard).toEqual([0])
    const elsewhere = new Uint8Array(16).fill(7)
    ben.swarm.join(elsewhere)
    const cleo = await enter(simulation, 140)
    cleo.swarm.join(elsewhere)
    await clock.until(() => openPeers(ben.swarm) === 1 && openPeers(cleo.swarm) === 1, 10_000)
    await clock.advance(5_000)
    expect(cleo.heard).toEqual([])
  })
})
