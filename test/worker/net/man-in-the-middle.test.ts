// Somebody sits at the server. He may replace what descriptions say, or answer both sides himself and pass on all they say to
// each other over two encrypted halves: either way no session opens.

import { describe, expect, it } from 'vitest'
import { sha256 } from '#core/crypto/hash.ts'
import { utf8 } from '#core/crypto/bytes.ts'
import type { LinkTransport } from '../../../worker/net/link-transport.ts'
import { createSwarm, type Swarm } from '../../../worker/net/swarm.ts'
import type { SocketFactory } from '../../../worker/net/signalling-client.ts'
import {
  createRandom,
  createSimulation,
  createTrackedIdentity,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from './simulation.ts'

const openPeers = (node: Swarm) =>
  node
    .peers()
    .filter((peer) => peer.link === 'open')
    .map(({ name }) => name)
const certificate = (name: string) => sha256(utf8(name))

/** Ends that have certificates, as DTLS has: `shown` says whose the other side sees. */
function certified(transport: LinkTransport, own: string, shown: () => string): LinkTransport {
  return {
    ...transport,
    listen: (events) =>
      transport.listen({
        ...events,
        onOpen: (link, opened) =>
          events.onOpen(link, {
            ...opened,
            localFingerprint: certificate(own),
            remoteFingerprint: certificate(shown()),
          }),
      }),
  }
}

async function enter(
  simulation: Simulation,
  name: string,
  seed: number,
  shown: () => string,
  connect: SocketFactory = simulation.connect,
): Promise<Swarm> {
  const swarm = createSwarm({
    identity: await createTrackedIdentity(seed),
    verifier: await createTrackedVerifier(),
    transport: certified(simulation.network.createTransport(name), name, shown),
    connect,
    serverUrl: 'ws://simulated/signal',
    clock: simulation.clock,
    random: createRandom(seed),
    name,
  })
  swarm.join(ROOM)
  return swarm
}

describe('a man in the middle', () => {
  it('is not there when both ends see each other’s certificates', async () => {
    const simulation = await createSimulation()
    const ada = await enter(simulation, 'Ada', 91, () => 'Ben')
    const ben = await enter(simulation, 'Ben', 92, () => 'Ada')
    await simulation.clock.until(() => openPeers(ada).length === 1 && openPeers(ben).length === 1, 10_000)
  })

  it.each([
    ['both halves are his', 'Mallory', 'Mallory'],
    ['one half is his', 'Ben', 'Mallory'],
    ['he has a certificate for each', 'Mallory 1', 'Mallory 2'],
  ])('is found when %s, and nothing but the greeting passes', async (_, seenByAda, seenByBen) => {
    const simulation = await createSimulation()
    const { clock } = simulation
    const ada = await enter(simulation, 'Ada', 91, () => seenByAda)
    const ben = await enter(simulation, 'Ben', 92, () => seenByBen)
    const events: string[] = []
    for (const node of [ada, ben]) {
      node.onPeerOpen(() => events.push('open'))
      node.handle('INFER_CANCEL', () => void events.push('heard'))
    }
    await clock.advance(60_000)
    expect(events).toEqual([])
    expect(() => ada.send(ben.id, 'INFER_CANCEL', { request: new Uint8Array(16) })).toThrow(/no open link/)
  })

  it('cannot replace what a description says: it is signed by the node that wrote it', async () => {
    const simulation = await createSimulation()
    const { clock } = simulation
    let replaced = 0
    let isEvil = true
    /** The server's half of Ben's socket: certificates in relayed descriptions become the server's own. */
    const evil: SocketFactory = (url, events) =>
      simulation.connect(url, {
        ...events,
        onMessage(bytes) {
          const text = new TextDecoder('latin1').decode(bytes)
          const at = text.indexOf('"transport":"Ada"')
          if (isEvil && at >= 0) {
            replaced++
            bytes.set(utf8('"transport":"Eve"'), at)
          }
          events.onMessage(bytes)
        },
      })
    const ada = await enter(simulation, 'Ada', 91, () => 'Ben')
    const ben = await enter(simulation, 'Ben', 92, () => 'Ada', evil)
    await clock.advance(30_000)
    expect(replaced).toBeGreaterThan(0)
    expect([...openPeers(ada), ...openPeers(ben)]).toEqual([])
    isEvil = false
    await clock.until(() => openPeers(ada).length === 1, 60_000)
  })
})
