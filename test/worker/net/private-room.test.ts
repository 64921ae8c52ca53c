// A private swarm beside a server that is curious or lies: with everything that passed through it, it can neither enter the
// room nor read in it, and a member that it invents is not let in.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { openRoom, roomId, type RoomKeys } from '#core/crypto/room.ts'
import { admitHeader, openFrame } from '#core/protocol/codec.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { createTokenBucket } from '#core/protocol/rates.ts'
import { serveConnection, type Member, type Rooms } from '../../../signaling-server/signalling/connection.ts'
import { DEFAULT_LIMITS } from '../../../signaling-server/signalling/limits.ts'
import { createMemoryLink } from '../../../worker/net/memory-channel.ts'
import { createSession, type SessionEnd } from '../../../worker/net/session.ts'
import type { SocketFactory } from '../../../worker/net/signalling-client.ts'
import { createFakeClock } from './fake-clock.ts'
import { createMember, linksOf } from './members.ts'
import { createRandom, createSimulation, createTrackedIdentity, createTrackedVerifier, ROOM } from './simulation.ts'

/** What a server sees of a socket: frames in both directions, and the node's key. */
function tap(connect: SocketFactory, sent: Uint8Array[], got: Uint8Array[]): SocketFactory {
  return (url, events) => {
    const socket = connect(url, {
      ...events,
      onMessage(bytes) {
        got.push(bytes.slice())
        events.onMessage(bytes)
      },
    })
    return {
      close: () => socket.close(),
      send(bytes) {
        sent.push(bytes.slice())
        socket.send(bytes)
      },
    }
  }
}

describe('a curious server', () => {
  it('learns the room’s id and public key, names and addresses of links, and nothing of what members say', async () => {
    const simulation = await createSimulation()
    const seen: Uint8Array[] = []
    const connect = tap(simulation.connect, seen, seen)
    const ada = await createMember(simulation, 'Ada', { seed: 40, connect })
    const ben = await createMember(simulation, 'Ben', { seed: 41, connect })
    await ada.enter(ROOM)
    await ben.enter(ROOM)
    await simulation.clock.until(() => linksOf(ada) === 1 && linksOf(ben) === 1, 5_000)
    let heard = 0
    ben.swarm.handle('INFER_TOKENS', () => {
      heard++
    })
    const text = 'what only the two of them should know'
    ada.swarm.send(ben.swarm.id, 'INFER_TOKENS', {
      request: new Uint8Array(16).fill(1),
      first: 0,
      tokens: [1],
      text,
      timings: [],
    })
    await simulation.clock.until(() => heard === 1, 1_000)
    await simulation.clock.advance(5_000)
    const families = new Set(seen.map((frame) => admitHeader(frame).definition.family))
    expect([...families].sort()).toEqual(['session', 'signal'])
    const all = seen.map((frame) => toHex(frame)).join(' ')
    expect(all).toContain(toHex(openRoom(ROOM).id))
    expect(all).not.toContain(toHex(ROOM))
    expect(all).not.toContain(toHex(new TextEncoder().encode(text)))
  })

  it('cannot enter with the proofs that it was given', async () => {
    const simulation = await createSimulation()
    const sent: Uint8Array[] = []
    const ada = await createMember(simulation, 'Ada', { seed: 40, connect: tap(simulation.connect, sent, []) })
    await ada.enter(ROOM)
    await simulation.clock.advance(1_000)
    const verifier = await createTrackedVerifier()
    const adaIdentity = await createTrackedIdentity(40)
    const joins: NonNullable<BodyOf<'SIGNAL_ROOM_JOIN'>['room']>[] = []
    for (const frame of sent) {
      if (admitHeader(frame).definition.name !== 'SIGNAL_ROOM_JOIN') continue
      const message = await openFrame(frame, adaIdentity.publicKey, verifier)
      if (message.name === 'SIGNAL_ROOM_JOIN' && message.body.room !== null) joins.push(message.body.room)
    }
    expect(joins.length).toBeGreaterThan(0)
    // It has the room's public key and a proof; the best it can do is to show that proof again.
    const { key, proof } = joins[0] as (typeof joins)[number]
    const stolen: RoomKeys = { id: roomId(key), publicKey: key, prove: () => proof }
    expect(toHex(stolen.id)).toBe(toHex(openRoom(ROOM).id))
    expect(await greet(openRoom(ROOM), stolen)).toMatch(/PROTOCOL_VIOLATION.*does not hold the secret/)
    // Nor with a key of its own choosing.
    expect(await greet(openRoom(ROOM), openRoom(new Uint8Array(16).fill(1)))).toMatch(/PROTOCOL_VIOLATION/)
    expect(await greet(openRoom(ROOM), openRoom(ROOM))).toBe('open')
  })
})

describe('a lying server', () => {
  it('invents a member, and tells a stranger’s room of this one: neither is linked, and the liar is no way to the records', async () => {
    const clock = createFakeClock()
    const simulation = { ...(await createSimulation()), clock }
    const connect = await createLiar(clock)
    const ada = await createMember(simulation, 'Ada', { seed: 40, connect })
    const eve = await createMember(simulation, 'Eve', { seed: 41, connect })
    await ada.enter(ROOM)
    await eve.enter(new Uint8Array(16).fill(9))
    await clock.until(() => ada.swarm.peers().length === 1 && eve.swarm.peers().length === 1, 5_000, 'the lie')
    const opened: string[] = []
    ada.swarm.onPeerOpen((peer) => opened.push(peer))
    eve.swarm.onPeerOpen((peer) => opened.push(peer))
    await clock.advance(60_000)
    expect(opened).toEqual([])
    expect(ada.swarm.peers().map(({ name, link }) => [name, link])).toEqual([['Eve', 'connecting']])
    expect(eve.exchange.addresses()).toEqual([])
  })
})

/** How a greeting between a member and somebody with other keys ends, as the member sees it. */
async function greet(member: RoomKeys, other: RoomKeys): Promise<string> {
  const clock = createFakeClock()
  const verifier = await createTrackedVerifier()
  const identities = [await createTrackedIdentity(40), await createTrackedIdentity(66)] as const
  const link = createMemoryLink()
  let outcome = 'nothing'
  for (const index of [0, 1] as const) {
    createSession({
      channel: link.ends[index],
      identity: identities[index],
      remoteKey: identities[1 - index]!.publicKey,
      initiator: index === 0,
      localFingerprint: new Uint8Array(32),
      remoteFingerprint: new Uint8Array(32),
      room: index === 0 ? member : other,
      random: createRandom(index + 5),
      verifier,
      clock,
      events: {
        onOpen: () => {
          if (index === 0) outcome = 'open'
        },
        onMessage: () => undefined,
        onPassedOn: () => undefined,
        onRefused: () => undefined,
        onStalled: () => undefined,
        onEnd({ code, message }: SessionEnd) {
          if (index === 0 && outcome === 'nothing') outcome = `${code}: ${message}`
        },
      },
    })
  }
  await clock.advance(1_000)
  return outcome
}

/** A server that takes every proof, and tells everyone that everyone else is in the same room. */
async function createLiar(clock: ReturnType<typeof createFakeClock>): Promise<SocketFactory> {
  const identity = await createTrackedIdentity(200)
  const verifier = await createTrackedVerifier()
  const members = new Map<string, Member & { entered?: Uint8Array }>()
  const tell = () => {
    const list = [...members.values()].map(({ key, name, incarnation }) => ({ key, name, incarnation }))
    for (const { entered, send } of members.values()) {
      if (entered !== undefined) send('SIGNAL_ROOM_STATE', { room: entered, members: list })
    }
  }
  const rooms: Rooms = {
    register: (member) => void members.set(member.id, member),
    unregister: (member) => void members.delete(member.id),
    enter(member, room) {
      Object.assign(member, { entered: room, room: toHex(room) })
      tell()
    },
    rename: tell,
    leave: () => undefined,
    showNearby: () => undefined,
    companion: (_member, key) => members.get(toHex(key)),
  }
  let draws = 0
  return (_url, events) => {
    let open = true
    let toServer: (bytes: Uint8Array) => void = () => undefined
    queueMicrotask(() => {
      serveConnection({
        socket: {
          bufferedBytes: 0,
          send(bytes) {
            const copy = bytes.slice()
            queueMicrotask(() => open && events.onMessage(copy))
          },
          close: () => (open = false),
          onMessage: (listener) => (toServer = listener),
          onClose: () => undefined,
        },
        identity,
        verifier,
        clock,
        random: (length) => new Uint8Array(length).fill(++draws),
        limits: DEFAULT_LIMITS,
        onRefused: () => undefined,
        network: 'anywhere',
        addressBucket: createTokenBucket(DEFAULT_LIMITS.addressRate, clock.now()),
        rooms,
        onClosed: () => undefined,
      })
      events.onOpen()
    })
    return {
      close: () => (open = false),
      send(bytes) {
        const copy = bytes.slice()
        queueMicrotask(() => open && toServer(copy))
      },
    }
  }
}
