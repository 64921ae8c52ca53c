// PeerJS's broker on our port, and rooms that meet through it alone: real sockets, links of memory.

import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createVerifier } from '#core/crypto/identity.ts'
import { createBroker } from '../../signaling-server/broker.ts'
import { createClientAddress } from '../../signaling-server/client-address.ts'
import { SLOTS, slotIds } from '../../worker/net/broker-client.ts'
import { systemClock } from '../../worker/net/clock.ts'
import { createMemoryNetwork } from '../../worker/net/memory-transport.ts'
import type { SocketFactory } from '../../worker/net/signalling-client.ts'
import { createSwarm, type Swarm } from '../../worker/net/swarm.ts'
import { importIdentity } from '../core/protocol/frame-tools.ts'
import { startLoopback, type Loopback } from './loopback.ts'

const ROOM = new Uint8Array(16).fill(42)
const open: { close(): void | Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function startServer(): Promise<Loopback> {
  const loopback = await startLoopback({ createBroker: () => createBroker(createClientAddress()) })
  open.push(loopback)
  return loopback
}

/** A client of the broker as any library would be one. */
async function join({ origin }: Loopback, id: string, token = id) {
  const socket = new WebSocket(
    `${origin.replace('http', 'ws')}/broker/peerjs?key=peerjs&id=${id}&token=${token}&version=1.5.5`,
  )
  const messages: Record<string, unknown>[] = []
  let closed = false
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as Record<string, unknown>))
  socket.on('close', () => (closed = true))
  socket.on('error', () => undefined)
  open.push(socket)
  await until(() => messages.length > 0 || closed)
  return { socket, messages, isClosed: () => closed }
}

async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (condition()) return
    await wait(10)
  }
  throw new Error(`${what} did not come about in 5 s`)
}

const connect: SocketFactory = (url, events) => {
  const socket = new WebSocket(url)
  socket.on('open', () => events.onOpen())
  socket.on('message', (data: Buffer) => events.onMessage(new Uint8Array(data)))
  socket.on('close', (_code, reason) => events.onClose(reason.toString() || 'closed'))
  socket.on('error', () => undefined)
  return { send: (bytes) => socket.send(bytes), close: () => socket.close() }
}

async function createNode(network: ReturnType<typeof createMemoryNetwork>, name: string, seed: number): Promise<Swarm> {
  const swarm = createSwarm({
    identity: await importIdentity(new Uint8Array(32).fill(seed)),
    verifier: await createVerifier(globalThis.crypto.subtle),
    transport: network.createTransport(name),
    connect,
    clock: systemClock,
    random: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
    name,
  })
  open.push(swarm)
  return swarm
}

const links = (swarm: Swarm) => swarm.peers().filter(({ link }) => link === 'open').length

describe('the broker on our port', () => {
  it('passes messages between PeerJS clients, beside everything else on the port', async () => {
    const server = await startServer()
    const ada = await join(server, 'ada')
    const ben = await join(server, 'ben')
    expect(ada.messages[0]).toEqual({ type: 'OPEN' })
    ada.socket.send(JSON.stringify({ type: 'OFFER', dst: 'ben', payload: { any: 'thing' } }))
    await until(() => ben.messages.length === 2)
    expect(ben.messages[1]).toEqual({ type: 'OFFER', src: 'ada', dst: 'ben', payload: { any: 'thing' } })
    expect((await join(server, 'ada', 'another')).messages[0]).toMatchObject({ type: 'ID-TAKEN' })
    expect(await (await fetch(`${server.origin}/broker/peerjs/id`)).text()).toMatch(/^[0-9a-f-]{36}$/)
    expect((await fetch(`${server.origin}/broker/peerjs/peers`)).status).toBe(401)
    expect((await fetch(`${server.origin}/api/health`)).status).toBe(200)
  })

  it('closes a client that pours, and one that sends more than a signal can be', async () => {
    const server = await startServer()
    const flood = await join(server, 'flood')
    for (let i = 0; i < 300; i++) flood.socket.send(JSON.stringify({ type: 'HEARTBEAT' }))
    await until(flood.isClosed)
    const large = await join(server, 'large')
    large.socket.send(JSON.stringify({ type: 'OFFER', dst: 'x', payload: 'x'.repeat(200_000) }))
    await until(large.isClosed)
    const ada = await join(server, 'ada')
    expect(ada.messages[0]).toEqual({ type: 'OPEN' })
  })
})

describe('a room that meets at a broker', () => {
  it('links all of its members, none of whom typed an id or has a server', async () => {
    const server = await startServer()
    const url = `${server.origin.replace('http', 'ws')}/broker/`
    const network = createMemoryNetwork()
    const nodes = await Promise.all([
      createNode(network, 'Ada', 1),
      createNode(network, 'Ben', 2),
      createNode(network, 'Cleo', 3),
    ])
    for (const node of nodes) {
      node.useWays([{ kind: 'broker', url }])
      expect(node.ways()).toEqual([{ kind: 'broker', url, state: 'idle' }])
      node.join(ROOM)
    }
    await until(() => nodes.every((node) => links(node) === 2), 'the full mesh')
    expect(nodes[0]?.ways()[0]?.id).toMatch(/^centram-[0-9a-f]{40}$/)
    expect(nodes[0]?.server).toEqual({ state: 'none' })
    nodes[2]?.leave()
    await until(() => nodes.slice(0, 2).every((node) => node.peers().length === 1), 'the goodbye')
  })

  it('is no way in for who holds another secret, nor for the broker that saw every word', async () => {
    const server = await startServer()
    const url = `${server.origin.replace('http', 'ws')}/broker/`
    const network = createMemoryNetwork()
    const ada = await createNode(network, 'Ada', 1)
    ada.useWays([{ kind: 'broker', url }])
    ada.join(ROOM)
    await until(() => ada.ways()[0]?.state === 'open')
    const eve = await createNode(network, 'Eve', 9)
    eve.useWays([{ kind: 'broker', url }])
    eve.join(new Uint8Array(16).fill(43))
    await until(() => eve.ways()[0]?.state === 'open')
    // A broker knows the ids, so it can take a free one and say to Ada what it likes: what a member of another room signed,
    // what Ada herself sent, and plain noise.
    const ids = slotIds(ROOM)
    const free = ids.find((id) => id !== ada.ways()[0]?.id) as string
    const liar = await join(server, free)
    await until(() => liar.messages.length > 0)
    const adasKnock = liar.messages.find(({ type }) => type === 'OFFER')?.['payload'] ?? {
      centram: 'knock',
      record: 'AAAA',
      signature: 'AAAA',
      answer: true,
    }
    const say = (payload: unknown) =>
      liar.socket.send(JSON.stringify({ type: 'OFFER', dst: ada.ways()[0]?.id, payload }))
    say(adasKnock)
    say({ centram: 'knock', record: '%%', signature: 7 })
    say({ centram: 'signal', frame: 'AAAA' })
    say('noise')
    liar.socket.send('no JSON')
    await wait(300)
    expect([ada.peers(), eve.peers()]).toEqual([[], []])
    expect(ada.ways()[0]?.state).toBe('open')
  })

  it('has places that follow from its secret alone', () => {
    const ids = slotIds(ROOM)
    expect(new Set(ids).size).toBe(SLOTS)
    expect(slotIds(new Uint8Array(16).fill(43)).some((id) => ids.includes(id))).toBe(false)
  })
})
