// A swarm among peers and a server that do not play by the rules: each of them costs only itself.

import { describe, expect, it } from 'vitest'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { SocketEvents, SocketFactory } from '../../../worker/net/signalling-client.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import {
  createTrackedIdentity,
  createRandom,
  createSimulation,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from './simulation.ts'

const ID = new Uint8Array(16).fill(1)
const openPeers = (node: Swarm) => node.peers().filter((peer) => peer.link === 'open').length

/** Three linked nodes; the sockets of the last can be listened to and written to, as its server could. */
async function createTrio(): Promise<Simulation & { ada: Swarm; ben: Swarm; cleo: Swarm; wire: Wire }> {
  const simulation = await createSimulation()
  const wire = tap(simulation.connect)
  const ada = await simulation.createNode('Ada', { seed: 71, transport: 'ada' })
  const ben = await simulation.createNode('Ben', { seed: 72, transport: 'ben' })
  const cleo = createSwarm({
    identity: await createTrackedIdentity(73),
    verifier: await createTrackedVerifier(),
    transport: simulation.network.createTransport('cleo'),
    connect: wire.connect,
    serverUrl: 'ws://simulated/signal',
    clock: simulation.clock,
    random: createRandom(73),
    name: 'Cleo',
  })
  const nodes = [ada, ben, cleo]
  for (const node of nodes) node.join(ROOM)
  await simulation.clock.until(() => nodes.every((node) => openPeers(node) === 2), 5_000)
  return { ...simulation, ada, ben, cleo, wire }
}

interface Wire {
  readonly connect: SocketFactory
  /** Everything that arrived. */
  readonly frames: Uint8Array[]
  inject(bytes: Uint8Array): void
}

function tap(connect: SocketFactory): Wire {
  let current: SocketEvents | null = null
  const frames: Uint8Array[] = []
  return {
    frames,
    inject: (bytes) => current?.onMessage(bytes),
    connect(url, events) {
      current = events
      return connect(url, {
        ...events,
        onMessage(bytes) {
          frames.push(bytes)
          events.onMessage(bytes)
        },
      })
    },
  }
}

describe('a bad peer', () => {
  it('is put out alone when it sends garbage, and is not spoken to again for a while', async () => {
    const { clock, network, ada, ben, cleo } = await createTrio()
    const losses: string[] = []
    ada.onPeerLost((peer, loss) => losses.push(`${peer === ben.id ? 'Ben' : 'Cleo'} ${loss.code}`))
    cleo.onPeerLost((peer) => losses.push(`Cleo lost ${peer}`))
    // Ben's side of the link begins to send noise.
    const [link] = network.linksBetween('ada', 'ben')
    for (const end of link?.ends ?? []) end.send(new Uint8Array(1000).fill(3))
    await clock.until(() => losses.length > 0, 1_000)
    expect(losses).toHaveLength(1)
    expect(losses[0]).toMatch(/^Ben (FRAME_INVALID|PEER_REFUSED)$/)
    await clock.advance(5_000)
    expect(ada.peers().map((peer) => [peer.name, peer.link])).toContainEqual(['Cleo', 'open'])
    expect(openPeers(ada)).toBe(1)
    await clock.until(() => openPeers(ada) === 2, 60_000, 'forgiveness')
  })

  it('loses its link when a handler finds its message impossible, and keeps it when the handler merely fails', async () => {
    const { clock, ada, ben } = await createTrio()
    const { CentramError } = await import('#core/errors.ts')
    let code: 'INTERNAL' | 'PROTOCOL_VIOLATION' = 'INTERNAL'
    let heard = 0
    ben.handle('INFER_CANCEL', () => {
      heard++
      throw new CentramError(code, 'No such request.')
    })
    ada.send(ben.id, 'INFER_CANCEL', { request: ID })
    // A message without a handler is answered, not punished.
    ada.send(ben.id, 'PIPE_KV_TRIM', { plan: ID, session: 1, step: 0, length: 0, release: true })
    await clock.until(() => heard === 1, 1_000)
    await clock.advance(1_000)
    expect(openPeers(ada)).toBe(2)
    code = 'PROTOCOL_VIOLATION'
    const losses: string[] = []
    ada.onPeerLost((peer) => losses.push(peer))
    ada.send(ben.id, 'INFER_CANCEL', { request: ID })
    await clock.until(() => losses.length > 0, 1_000)
    expect(losses).toEqual([ben.id])
    expect(heard).toBe(2)
  })

  it('is put out for a flood, while the others go on', async () => {
    const { clock, ada, ben, cleo } = await createTrio()
    let heard = 0
    ben.handle('INFER_CANCEL', () => {
      heard++
    })
    for (let i = 0; i < 800; i++) ada.send(ben.id, 'INFER_CANCEL', { request: ID })
    cleo.send(ben.id, 'INFER_CANCEL', { request: ID })
    await clock.advance(50)
    expect(heard).toBeLessThanOrEqual(501)
    expect(ben.peers().map((peer) => [peer.name, peer.link])).toEqual(
      expect.arrayContaining([
        ['Ada', 'connecting'],
        ['Cleo', 'open'],
      ]),
    )
  })
})

describe('a bad server', () => {
  const candidate = (from: Uint8Array, to: Uint8Array): BodyOf<'SIGNAL_DESCRIPTION'> => ({
    from,
    to,
    link: new Uint8Array(16).fill(250),
    type: 'offer',
    sdp: '{"transport":"ada","link":"x"}',
    offer: 1,
  })

  it('cannot break links by repeating old signals or by forging new ones', async () => {
    const { clock, cleo, ada, wire } = await createTrio()
    const events: string[] = []
    cleo.onPeerLost((peer) => events.push(`lost ${peer}`))
    const relayed = wire.frames.filter((frame) => frame[5] === 20 || frame[5] === 21)
    expect(relayed.length).toBeGreaterThan(0)
    for (const frame of relayed) wire.inject(frame)
    const eve = await createTrackedIdentity(99)
    const [adaKey, cleoKey] = [hex(ada.id), hex(cleo.id)]
    const seal = (body: BodyOf<'SIGNAL_DESCRIPTION'>, session: Uint8Array) =>
      sealFrame(prepareMessage('SIGNAL_DESCRIPTION', body, undefined), eve, session, 0)
    // In Ada's name by another key; by a node that is not in the room; for another link than it says.
    wire.inject(await seal(candidate(adaKey, cleoKey), candidate(adaKey, cleoKey).link))
    wire.inject(await seal(candidate(eve.publicKey, cleoKey), candidate(eve.publicKey, cleoKey).link))
    wire.inject(await seal(candidate(eve.publicKey, cleoKey), new Uint8Array(16)))
    await clock.advance(3_000)
    expect(events).toEqual([])
    expect(openPeers(cleo)).toBe(2)
  })

  it('is left and tried again when it sends garbage or repeats itself, while the links stay', async () => {
    const { clock, cleo, wire } = await createTrio()
    const states: string[] = []
    cleo.onChange(() => {
      if (states.at(-1) !== cleo.server.state) states.push(cleo.server.state)
    })
    wire.inject(new Uint8Array(100).fill(9))
    await clock.until(() => states.includes('closed'), 1_000)
    await clock.until(() => cleo.server.state === 'open', 5_000)
    const roomState = wire.frames.filter((frame) => frame[5] === 19).at(-1) as Uint8Array
    states.length = 0
    wire.inject(roomState)
    await clock.until(() => states.includes('closed'), 1_000)
    expect(cleo.server.reason).toMatch(/refused/)
    await clock.until(() => cleo.server.state === 'open', 5_000)
    expect(openPeers(cleo)).toBe(2)
  })
})

describe('the server’s replacement of a node', () => {
  it('tells a node that was opened twice which one goes on, and does not fight', async () => {
    const { clock, createNode } = await createSimulation()
    const first = await createNode('Ada', { seed: 5 })
    first.join(ROOM)
    await clock.until(() => first.server.state === 'open')
    const second = await createNode('Ada', { seed: 5 })
    second.join(ROOM)
    await clock.until(() => first.server.state === 'closed', 5_000)
    expect(first.server.reason).toMatch(/second time/)
    await clock.advance(60_000)
    expect([first.server.state, second.server.state]).toEqual(['closed', 'open'])
  })

  it('says when a room is full', async () => {
    const { clock, createNode } = await createSimulation({ maxRoomMembers: 2 })
    const nodes = [await createNode('Ada'), await createNode('Ben'), await createNode('Cleo')]
    const refusals: string[] = []
    nodes[2]?.onRefused((error) => refusals.push(`${error.code}: ${error.message}`))
    for (const node of nodes) {
      node.join(ROOM)
      await clock.advance(500)
    }
    expect(refusals).toHaveLength(1)
    expect(refusals[0]).toMatch(/already has 2 nodes/)
    expect(nodes[2]?.server.state).toBe('open')
  })
})

function hex(id: string): Uint8Array {
  return Uint8Array.from(id.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
