// Devices on the same network: who is told of whom, pairing by a code, and what a stranger or a lying server gets.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { commitNonce, pairingCode } from '#core/crypto/pairing-code.ts'
import { createSignalling } from '../../../signaling-server/signalling/signalling.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import type { SocketFactory } from '../../../worker/net/signalling-client.ts'
import { createNearby, type Nearby } from '../../../worker/node/nearby.ts'
import { createMember, type Member } from './members.ts'
import {
  createRandom,
  createSimulation,
  createSocketPairs,
  createTrackedIdentity,
  createTrackedVerifier,
  ROOM,
  type Simulation,
} from './simulation.ts'

interface Device extends Member {
  readonly nearby: Nearby
  readonly notices: string[]
}

interface Network extends Simulation {
  /** All that the server got and gave. */
  readonly seen: Uint8Array[]
  device(name: string, seed: number, address?: string): Promise<Device>
}

async function createNetwork(): Promise<Network> {
  const simulation = await createSimulation()
  const signalling = createSignalling({
    identity: await createTrackedIdentity(200),
    verifier: await createTrackedVerifier(),
    clock: simulation.clock,
    random: createRandom(98),
  })
  const seen: Uint8Array[] = []
  const tapped = (connect: SocketFactory): SocketFactory => {
    return (url, events) => {
      const socket = connect(url, {
        ...events,
        onMessage(bytes) {
          seen.push(bytes.slice())
          events.onMessage(bytes)
        },
      })
      return {
        close: () => socket.close(),
        send(bytes) {
          seen.push(bytes.slice())
          socket.send(bytes)
        },
      }
    }
  }
  return {
    ...simulation,
    seen,
    async device(name, seed, address = '198.51.100.7') {
      const records = createMemoryRecords()
      const connect = tapped(createSocketPairs(() => signalling, address).connect)
      const member = await createMember(simulation, name, { seed, connect, transport: `${name} ${seed}`, records })
      const notices: string[] = []
      const nearby = createNearby({
        swarm: member.swarm,
        records,
        identity: await createTrackedIdentity(seed),
        clock: simulation.clock,
        random: createRandom(400 + seed),
        name: () => name,
        ways: () => [],
        async openRoom() {
          const secret = member.swarm.room?.secret ?? new Uint8Array(16).fill(seed)
          await member.enter(secret)
          return secret
        },
        enter: (secret) => member.enter(secret),
        onChange: () => undefined,
        onNotice: (_level, message) => notices.push(message),
      })
      await nearby.start()
      // A node says its name to the server even without a room.
      member.swarm.leave()
      return Object.assign(member, { nearby, notices })
    },
  }
}

const names = ({ nearby }: Device) => nearby.shown().nodes.map(({ name }) => name)
const stage = ({ nearby }: Device) => nearby.shown().pairing?.stage

/** Ada, in a room, and Ben, whom she asked and who agreed: both are at the code. */
async function createPair() {
  const network = await createNetwork()
  const ada = await network.device('Ada', 30)
  const ben = await network.device('Ben', 31)
  await ada.enter(ROOM)
  for (const device of [ada, ben]) await device.nearby.api.setNearby(true)
  await network.clock.until(() => names(ada).length === 1 && names(ben).length === 1, 2_000, 'each other')
  await ada.nearby.api.pair(ben.swarm.id)
  await network.clock.until(() => stage(ben) === 'asked', 5_000, 'the question')
  await ben.nearby.api.acceptPairing()
  await network.clock.until(() => stage(ada) === 'code' && stage(ben) === 'code', 2_000, 'the code')
  return { network, ada, ben }
}

describe('devices on the same network', () => {
  it('are told of each other once both want it, and only those', async () => {
    const { device, clock } = await createNetwork()
    const ada = await device('Ada', 30)
    const ben = await device('Ben', 31)
    const shy = await device('Shy', 32)
    const far = await device('Far', 33, '203.0.113.9')
    const six = await device('Six', 34, '2001:db8:1:2::aaaa')
    const seven = await device('Seven', 35, '2001:db8:1:2:ffff::1')
    for (const one of [ada, ben, far, six, seven]) await one.nearby.api.setNearby(true)
    await clock.advance(1_000)
    expect([ada, ben, shy, far, six, seven].map(names)).toEqual([['Ben'], ['Ada'], [], [], ['Seven'], ['Six']])
    await ben.nearby.api.setNearby(false)
    await clock.advance(1_000)
    expect([names(ada), names(ben)]).toEqual([[], []])
    seven.swarm.close()
    await clock.advance(1_000)
    expect(names(six)).toEqual([])
  })
})

describe('pairing', () => {
  it('lets a device in whose code was typed, over a link between the two: the server sees no secret', async () => {
    const { network, ada, ben } = await createPair()
    const code = ben.nearby.shown().pairing?.code as string
    expect(code).toMatch(/^\d{6}$/)
    expect(ada.nearby.shown().pairing).toMatchObject({ gives: true, code: null, name: 'Ben', known: false })
    const giving = ada.nearby.api.givePairingCode(`${code.slice(0, 3)} ${code.slice(3)}`)
    await network.clock.until(() => ben.swarm.room !== null, 2_000, 'the room')
    await giving
    expect(toHex(ben.swarm.room?.secret ?? new Uint8Array(0))).toBe(toHex(ROOM))
    await network.clock.until(() => ada.swarm.peers()[0]?.link === 'open', 5_000, 'the link in the room')
    expect([ada.nearby.shown().pairing, ben.nearby.shown().pairing]).toEqual([null, null])
    expect([...ada.notices, ...ben.notices]).toEqual(['Ben joins the room.', 'This device joined the room of Ada.'])
    const all = network.seen.map((bytes) => toHex(bytes)).join(' ')
    expect(network.seen.length).toBeGreaterThan(20)
    expect(all).not.toContain(toHex(ROOM))
    expect(all).not.toContain(toHex(new TextEncoder().encode(code)))
  })

  it('needs no code between devices that were paired before', async () => {
    const { network, ada, ben } = await createPair()
    await expect(ada.nearby.api.givePairingCode(null)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    const giving = ada.nearby.api.givePairingCode(ben.nearby.shown().pairing?.code ?? '')
    await network.clock.until(() => ben.swarm.room !== null, 2_000)
    await giving
    ben.swarm.leave()
    await network.clock.until(() => names(ben).length === 1 && names(ada).length === 1, 5_000)
    // This time Ben asks to be let in.
    await ben.nearby.api.pair(ada.swarm.id)
    await network.clock.until(() => stage(ada) === 'asked', 5_000)
    expect(ada.nearby.shown().pairing).toMatchObject({ gives: true, known: true })
    await ada.nearby.api.acceptPairing()
    await network.clock.until(() => stage(ada) === 'code', 2_000)
    const confirmed = ada.nearby.api.givePairingCode(null)
    await network.clock.until(() => ben.swarm.room !== null, 2_000, 'the room again')
    await confirmed
  })

  it('ends after three wrong codes, and who failed is not listened to for a while', async () => {
    const { network, ada, ben } = await createPair()
    const right = Number(ben.nearby.shown().pairing?.code)
    for (const [index, left] of [2, 1].entries()) {
      const wrong = String((right + index + 1) % 1_000_000).padStart(6, '0')
      await expect(ada.nearby.api.givePairingCode(wrong)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
      expect(ada.nearby.shown().pairing?.triesLeft).toBe(left)
    }
    await expect(ada.nearby.api.givePairingCode('000000')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await network.clock.advance(2_000)
    expect([ada.nearby.shown().pairing, ben.nearby.shown().pairing, ben.swarm.room]).toEqual([null, null, null])
    expect(ben.notices[0]).toContain('wrong three times')
    await ben.nearby.api.pair(ada.swarm.id)
    await network.clock.advance(5_000)
    expect(ada.nearby.shown().pairing).toBeNull()
    await ben.nearby.api.cancelPairing()
    await network.clock.advance(60_000)
    await ben.nearby.api.pair(ada.swarm.id)
    await network.clock.until(() => stage(ada) === 'asked', 5_000, 'forgiveness')
  })

  it('gives whoever sits between two devices another code on each side', async () => {
    const network = await createNetwork()
    const ada = await network.device('Ada', 30)
    const ben = await network.device('Ben', 31)
    // A lying server shows each of them a device of its own under the other's name.
    const falseBen = await network.device('Ben', 90)
    const falseAda = await network.device('Ada', 91)
    await ada.enter(ROOM)
    await falseAda.enter(new Uint8Array(16).fill(9))
    for (const device of [ada, ben, falseBen, falseAda]) await device.nearby.api.setNearby(true)
    await network.clock.until(() => names(ada).length === 3, 2_000)
    await ada.nearby.api.pair(falseBen.swarm.id)
    await falseAda.nearby.api.pair(ben.swarm.id)
    await network.clock.until(() => stage(falseBen) === 'asked' && stage(ben) === 'asked', 5_000)
    await falseBen.nearby.api.acceptPairing()
    await ben.nearby.api.acceptPairing()
    await network.clock.until(() => stage(ada) === 'code' && stage(ben) === 'code', 2_000)
    const shown = ben.nearby.shown().pairing?.code ?? ''
    expect(shown).not.toBe(falseBen.nearby.shown().pairing?.code)
    await expect(ada.nearby.api.givePairingCode(shown)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    await network.clock.advance(2_000)
    expect(falseBen.swarm.room).toBeNull()
  })

  it('ends for both when one declines or does nothing, and takes one at a time', async () => {
    const { network, ada, ben } = await createPair()
    await expect(ada.nearby.api.pair(ben.swarm.id)).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    await ben.nearby.api.cancelPairing()
    await network.clock.until(() => ada.nearby.shown().pairing === null, 2_000, 'the refusal')
    expect(ada.notices[0]).toMatch(/Ben ended: it was cancelled/)
    await network.clock.advance(60_000)
    await ada.nearby.api.pair(ben.swarm.id)
    await network.clock.until(() => stage(ben) === 'asked', 5_000)
    await network.clock.advance(130_000)
    expect([ada.nearby.shown().pairing, ben.nearby.shown().pairing]).toEqual([null, null])
  })
})

describe('the code', () => {
  it('is the same on both sides and another for any other key, nonce or order', () => {
    const side = (byte: number) => ({ key: new Uint8Array(32).fill(byte), nonce: new Uint8Array(32).fill(byte + 1) })
    const code = pairingCode(side(1), side(3))
    expect(code).toMatch(/^\d{6}$/)
    expect(pairingCode(side(1), side(3))).toBe(code)
    const others = [
      pairingCode(side(3), side(1)),
      pairingCode({ ...side(1), nonce: new Uint8Array(32) }, side(3)),
      pairingCode(side(1), { ...side(3), key: new Uint8Array(32) }),
    ]
    expect(new Set([code, ...others]).size).toBe(4)
    expect(toHex(commitNonce(side(1).nonce))).not.toBe(toHex(commitNonce(side(2).nonce)))
  })
})
