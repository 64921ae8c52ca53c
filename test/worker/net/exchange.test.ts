// Rooms without their server: members know each other by signed records and connect through neighbours.

import { describe, expect, it } from 'vitest'
import { createSignalling } from '../../../signaling-server/signalling/signalling.ts'
import { createMember, linksOf, type Member } from './members.ts'
import {
  createRandom,
  createSimulation,
  createSocketPairs,
  createTrackedIdentity,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from './simulation.ts'

/** A second server that only some are told of. */
async function createSecondServer(simulation: Simulation) {
  const signalling = createSignalling({
    identity: await createTrackedIdentity(201),
    verifier: await createTrackedVerifier(),
    clock: simulation.clock,
    random: createRandom(98),
  })
  return createSocketPairs(() => signalling).connect
}

async function createRoom(names: readonly string[]) {
  const simulation = await createSimulation()
  const second = await createSecondServer(simulation)
  const connect: Simulation['connect'] = (url, events) =>
    (url.includes('second') ? second : simulation.connect)(url, events)
  const members: Member[] = []
  for (const [index, name] of names.entries()) {
    members.push(await createMember(simulation, name, { seed: 60 + index, transport: name, connect }))
  }
  for (const member of members) await member.enter(ROOM)
  const everyone = () => members.every((member) => linksOf(member) === members.length - 1)
  await simulation.clock.until(everyone, 5_000, 'the full mesh')
  // Records and reachability have gone round.
  await simulation.clock.advance(1_000)
  return { simulation, members, connect }
}

const SECOND = { kind: 'server', url: 'ws://second/signal' } as const

describe('a room whose server is gone', () => {
  it.each([1, 100])('takes in a newcomer that one member knows, and links it with all (seed %i)', async (seed) => {
    const { simulation, members, connect } = await createRoom(['Ada', 'Ben', 'Cleo', 'Dan'])
    simulation.stopServer()
    await simulation.clock.advance(2_000)
    // Ada and Eve meet by a way of their own; the others never hear of it.
    members[0]?.swarm.useWays([SECOND])
    const eve = await createMember(simulation, 'Eve', { seed, connect, serverUrl: SECOND.url })
    await eve.enter(ROOM)
    await simulation.clock.until(() => linksOf(eve) === 4, 10_000, 'links with all')
    expect(members.map(linksOf)).toEqual([4, 4, 4, 4])
    expect(members[3]?.swarm.peers().find(({ id }) => id === eve.swarm.id)?.name).toBe('Eve')
    expect(
      eve.swarm
        .peers()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['Ada', 'Ben', 'Cleo', 'Dan'])
    // The way is needed no more: whoever was introduced stays.
    members[0]?.swarm.useWays([])
    await simulation.clock.advance(20_000)
    expect([eve, ...members].map(linksOf)).toEqual([4, 4, 4, 4, 4])
    expect(members.map(({ swarm }) => swarm.ways().map(({ state }) => state))).not.toContainEqual(['open'])
  })

  it('takes a member back after a reload: one other way in leads to one node, and that one to all', async () => {
    const { simulation, members, connect } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = members as [Member, Member, Member]
    // Ben and Cleo also use the second server; their records say so, and Ada keeps them.
    ben.swarm.useWays([SECOND])
    await simulation.clock.advance(1_000)
    await ben.exchange.refresh()
    await simulation.clock.advance(1_000)
    simulation.stopServer()
    simulation.network.kill('Ada')
    const again = await createMember(simulation, 'Ada', { seed: 60, connect, records: ada.records })
    await again.enter(ROOM)
    await simulation.clock.advance(5_000)
    expect(linksOf(again)).toBe(0)
    const known = again.exchange.addresses().find(({ id }) => id === ben.swarm.id)
    expect(known?.addresses).toContainEqual(SECOND)
    again.swarm.useWays([SECOND])
    await simulation.clock.until(() => linksOf(again) === 2, 20_000, 'both links')
    await simulation.clock.until(() => linksOf(ben) === 2 && linksOf(cleo) === 2, 5_000)
    expect(again.swarm.id).toBe(ada.swarm.id)
  })

  it('replaces a broken link between two members through the third', async () => {
    const { simulation, members } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben] = members as [Member, Member, Member]
    simulation.stopServer()
    await simulation.clock.advance(2_000)
    let lost = 0
    ada.swarm.onPeerLost(() => lost++)
    simulation.network.linksBetween('Ada', 'Ben')[0]?.cut('a cable was pulled')
    await simulation.clock.until(() => lost === 1, 1_000, 'the loss')
    await simulation.clock.until(() => linksOf(ada) === 2 && linksOf(ben) === 2, 10_000, 'a new link')
  })

  it('lets go of who says goodbye, and of who was killed once nobody reaches it', async () => {
    const { simulation, members } = await createRoom(['Ada', 'Ben', 'Cleo', 'Dan'])
    const [ada, ben, cleo] = members as [Member, Member, Member, Member]
    simulation.stopServer()
    await simulation.clock.advance(2_000)
    ben.swarm.close()
    ben.exchange.close()
    await simulation.clock.advance(2_000)
    expect(ada.swarm.peers().map(({ name }) => name)).not.toContain('Ben')
    simulation.network.kill('Dan')
    await simulation.clock.advance(40_000)
    expect(ada.swarm.peers().map(({ name }) => name)).toEqual(['Cleo'])
    expect(linksOf(cleo)).toBe(1)
    expect(cleo.swarm.peers()).toHaveLength(1)
  })
})

describe('what peers tell', () => {
  it('leads a query to the nodes that neighbours know, and tells how busy each is and whom it reaches', async () => {
    const { simulation, members } = await createRoom(['Ada', 'Ben', 'Cleo'])
    const [ada, ben, cleo] = members as [Member, Member, Member]
    const model = new Uint8Array(32).fill(5)
    ben.has = (query) => (query.model !== null && query.model[0] === 5 ? [cleo.swarm.id, ben.swarm.id] : [])
    const asking = ada.exchange.ask({ model, genome: null, budgetBytes: 0 })
    await simulation.clock.advance(500)
    expect([...(await asking)].sort()).toEqual([ben.swarm.id, cleo.swarm.id].sort())
    cleo.load = { waiting: 2, running: 1, tokensPerSecond: 7.5, visibility: 'hidden' }
    await simulation.clock.advance(2_000)
    expect(ada.exchange.loadOf(cleo.swarm.id)).toEqual(cleo.load)
    expect(
      ada.exchange
        .reachOf(ben.swarm.id)
        ?.map(({ path }) => path)
        .sort(),
    ).toEqual(['direct', 'direct'])
  })
})
