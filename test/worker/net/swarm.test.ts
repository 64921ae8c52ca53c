// Several nodes in one process: they find each other, talk, lose each other and come back.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createSimulation, ROOM } from './simulation.ts'

const PLAN = new Uint8Array(16).fill(1)
const openPeers = (node: Swarm) => node.peers().filter((peer) => peer.link === 'open').length

describe('swarm', () => {
  it('links every node of a room to every other, and carries messages and tensors both ways', async () => {
    const { clock, createNode } = await createSimulation()
    const nodes = await Promise.all(['Ada', 'Ben', 'Cleo', 'Dan'].map((name) => createNode(name)))
    for (const node of nodes) node.join(ROOM)
    await clock.until(() => nodes.every((node) => openPeers(node) === 3), 5_000, 'the full mesh')
    const [ada, ben] = nodes as [Swarm, Swarm]
    expect(
      ada
        .peers()
        .map((peer) => peer.name)
        .sort(),
    ).toEqual(['Ben', 'Cleo', 'Dan'])

    const heard: unknown[] = []
    ben.handle('PIPE_ACTIVATION', (peer, body, tail) => {
      heard.push([peer, body.step, new Float32Array(tail.buffer, tail.byteOffset, tail.byteLength / 4)])
    })
    const hidden = Float32Array.from({ length: 3 * 40_000 }, (_, i) => Math.sin(i))
    ada.send(
      ben.id,
      'PIPE_ACTIVATION',
      {
        plan: PLAN,
        stage: 1,
        session: 1,
        step: 5,
        position: 0,
        columns: 3,
        family: 'prefill',
        output: 'none',
        results: 'last',
        computeMs: [1.5],
      },
      hidden,
    )
    await clock.until(() => heard.length === 1, 1_000, 'the activation')
    expect(heard[0]).toEqual([ada.id, 5, hidden])
  })

  it('keeps links and traffic while the server is away, and finds newcomers once it is back', async () => {
    const simulation = await createSimulation()
    const { clock, createNode } = simulation
    const ada = await createNode('Ada')
    const ben = await createNode('Ben')
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    const lost: string[] = []
    ada.onPeerLost((peer) => lost.push(peer))
    simulation.stopServer()
    await clock.until(() => ada.server.state !== 'open')
    await clock.advance(60_000)
    let heard = 0
    ben.handle('INFER_CANCEL', () => {
      heard++
    })
    ada.send(ben.id, 'INFER_CANCEL', { request: PLAN })
    await clock.until(() => heard === 1, 1_000)
    simulation.startServer()
    const cleo = await createNode('Cleo')
    cleo.join(ROOM)
    await clock.until(() => openPeers(ada) === 2 && openPeers(ben) === 2 && openPeers(cleo) === 2, 40_000)
    expect(lost).toEqual([])
  })

  it('reports a killed node as interrupted within 2.5 s and as lost soon after', async () => {
    const { clock, createNode, network } = await createSimulation()
    const ada = await createNode('Ada')
    const ben = await createNode('Ben', { transport: 'ben' })
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    await clock.advance(5_000)
    expect(ada.peers()[0]?.roundTripMs).not.toBeNull()
    const events: string[] = []
    ada.onPeerInterrupted((peer, interrupted) => events.push(`${peer === ben.id} interrupted ${interrupted}`))
    ada.onPeerLost((peer, loss) => events.push(`${peer === ben.id} lost ${loss.code}`))
    network.kill('ben')
    const found = await clock.until(() => events.length > 0, 10_000)
    expect(found).toBeLessThanOrEqual(2_500)
    expect(events).toEqual(['true interrupted true'])
    expect(ada.peers()[0]?.link).toBe('interrupted')
    const gone = await clock.until(() => events.length > 1, 40_000)
    expect(gone + found).toBeGreaterThan(25_000)
    expect(events[1]).toBe('true lost LINK_FAILED')
  })

  it('takes an interrupted link up again without losing a message', async () => {
    const { clock, createNode, network } = await createSimulation()
    const ada = await createNode('Ada', { transport: 'ada' })
    const ben = await createNode('Ben', { transport: 'ben' })
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    const events: string[] = []
    ada.onPeerInterrupted((_, interrupted) => events.push(interrupted ? 'interrupted' : 'back'))
    ada.onPeerLost(() => events.push('lost'))
    const tokens: number[] = []
    ben.handle('INFER_TOKENS', (_, body) => void tokens.push(body.first))
    const [link] = network.linksBetween('ada', 'ben')
    link?.interrupt()
    for (let first = 0; first < 100; first++) {
      ada.send(ben.id, 'INFER_TOKENS', { request: PLAN, first, tokens: [first], text: 'x', timings: [] })
    }
    await clock.advance(20_000)
    expect(events).toEqual(['interrupted'])
    link?.heal()
    await clock.until(() => tokens.length === 100, 1_000)
    expect(tokens).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(events).toEqual(['interrupted', 'back'])
  })

  it('says who left when a node closes, and links anew when it is started again', async () => {
    const { clock, createNode } = await createSimulation()
    const ada = await createNode('Ada')
    const ben = await createNode('Ben', { seed: 50 })
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    const lost: string[] = []
    ada.onPeerLost((peer, loss) => lost.push(`${peer} ${loss.code}`))
    ben.close()
    await clock.until(() => lost.length === 1, 1_000)
    expect(lost).toEqual([`${ben.id} PEER_LEFT`])
    await clock.until(() => ada.peers().length === 0, 3_000)
    const again = await createNode('Ben', { seed: 50 })
    expect(again.id).toBe(ben.id)
    again.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(again) === 1, 10_000)
  })

  it.each([1, 60])('replaces the link of a node that reloads without a word (seed %i)', async (seed) => {
    const { clock, createNode, network } = await createSimulation()
    const ada = await createNode('Ada', { seed: 30 })
    const ben = await createNode('Ben', { seed, transport: 'ben' })
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    const lost: string[] = []
    ada.onPeerLost((peer) => lost.push(peer))
    network.kill('ben')
    const again = await createNode('Ben', { seed })
    again.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(again) === 1, 5_000)
    expect(lost).toEqual([ben.id])
  })

  it('does not link nodes that hold the secret of another room, and leaves one room for another', async () => {
    const { clock, createNode, server } = await createSimulation()
    const ada = await createNode('Ada')
    const ben = await createNode('Ben')
    ada.join(ROOM)
    ben.join(new Uint8Array(16).fill(43))
    await clock.advance(3_000)
    expect(ada.peers()).toEqual([])
    expect(server.summary()).toEqual({ connections: 2, peers: 2, rooms: 2, roomSizes: [1, 1] })
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1 && openPeers(ben) === 1)
    expect(server.summary().roomSizes).toEqual([2])
    ben.leave()
    await clock.until(() => ada.peers().length === 0, 5_000)
    expect(ben.room).toBeNull()
  })

  it('renames a node for the others', async () => {
    const { clock, createNode } = await createSimulation()
    const ada = await createNode('Ada')
    const ben = await createNode('Ben')
    ada.join(ROOM)
    ben.join(ROOM)
    await clock.until(() => openPeers(ada) === 1)
    ben.rename('Benno')
    await clock.until(() => ada.peers()[0]?.name === 'Benno', 2_000)
    expect(toHex(ada.peers()[0]?.key as Uint8Array)).toBe(ben.id)
  })
})
