// What a server lets through its doors, and what ends a connection: other keys, other servers' claims, floods, and anything that is
// no message.

import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Clock } from '#core/clock.ts'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import {
  doorClaim,
  encodeDoor,
  MAX_DOOR_FRAME,
  readFromServer,
  type DoorAsk,
  type FromNode,
  type FromServer,
} from '#core/door/messages.ts'
import { createDoors, type DoorLimits, type Doors } from '../../signaling-server/door/doors.ts'

const HOST = 'example.org:9740'
const KEY = new Uint8Array(32).fill(9)
const USAGE = { promptTokens: 1, keptTokens: 0, tokens: 2 }
const clock: Clock = {
  now: () => 0,
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
let doors: Doors
afterEach(() => doors?.close())

function openDoors(limits: Partial<DoorLimits> = {}): void {
  let drawn = 0
  const random = (length: number) => new Uint8Array(length).fill(++drawn)
  doors = createDoors({ verifier: plainVerifier, clock, wallTime: () => 0, random, limits })
}

/** A node's end of a connection. */
function connect(address = '10.0.0.1') {
  const heard: FromServer[] = []
  let deliver: (bytes: Uint8Array) => void = () => undefined
  let lost: () => void = () => undefined
  let closed: string | null = null
  let waiting = 0
  doors.accept(
    {
      send: (bytes) => void heard.push(readFromServer(bytes)),
      close(reason) {
        closed ??= reason
      },
      onMessage: (listener) => (deliver = listener),
      onClose: (listener) => (lost = listener),
      get bufferedBytes() {
        return waiting
      },
    },
    address,
    HOST,
  )
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    heard,
    closed: () => closed,
    stall: () => (waiting = 1e9),
    lose: () => lost(),
    async raw(bytes: Uint8Array) {
      deliver(bytes)
      await settle()
    },
    async say(message: FromNode) {
      deliver(encodeDoor(message))
      await settle()
      await settle()
    },
    async register(seed = 1, { host = HOST, signer = seed } = {}) {
      const { publicKey } = identityFromSeed(new Uint8Array(32).fill(seed))
      const challenge = heard.find((message) => message.type === 'challenge')?.nonce ?? new Uint8Array(32)
      const signature = await identityFromSeed(new Uint8Array(32).fill(signer)).sign(
        doorClaim(challenge, publicKey, host),
      )
      await this.say({ type: 'register', key: publicKey, name: 'n', host, signature })
    },
  }
}

const OFFER: FromNode = { type: 'offer', models: [{ name: 'm', title: 'M', embeds: true }], keys: [KEY] }
const QUESTION: Omit<DoorAsk, 'ask'> = {
  type: 'ask',
  key: KEY,
  model: 'm',
  prompt: { text: 'x' },
  maxTokens: 3,
  sampling: {},
  stop: [],
}

function found() {
  const door = doors.find(KEY)
  if (door === undefined || door === 'closed') throw new Error('no door')
  return door
}

describe('a registration', () => {
  test('counts when it is signed for this server', async () => {
    openDoors()
    const node = connect()
    await node.register()
    await node.say(OFFER)
    expect(node.heard.map(({ type }) => type)).toEqual(['challenge', 'welcome'])
    expect(found().models.map(({ name }) => name)).toEqual(['m'])
  })

  test('by another key, or passed on from another server, is refused', async () => {
    for (const how of [{ signer: 2 }, { host: 'evil.example' }]) {
      openDoors()
      const node = connect()
      await node.register(1, how)
      expect(node.heard.at(-1)).toMatchObject({ type: 'refused', code: 'SIGNATURE_INVALID' })
      expect(node.closed()).not.toBeNull()
      expect(doors.counts().doors).toBe(0)
    }
  })

  test('has to come before anything else, and once', async () => {
    openDoors()
    const early = connect()
    await early.say(OFFER)
    expect(early.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_VIOLATION' })
    const twice = connect()
    await twice.register()
    await twice.register()
    expect(twice.heard.at(-1)).toMatchObject({ type: 'refused', code: 'PROTOCOL_VIOLATION' })
  })

  test('of the same key takes the place of the one before', async () => {
    openDoors()
    const [first, second] = [connect(), connect()]
    await first.register()
    await first.say(OFFER)
    await second.register()
    expect(first.closed()).not.toBeNull()
    expect(doors.find(KEY)).toBe('closed')
    await second.say(OFFER)
    expect(found().models).toHaveLength(1)
  })
})

describe('a door', () => {
  test('keeps its API keys from another node that claims them', async () => {
    openDoors()
    const [own, thief] = [connect(), connect()]
    await own.register(1)
    await own.say(OFFER)
    await thief.register(2)
    await thief.say(OFFER)
    const { id } = found()
    own.lose()
    expect(doors.find(KEY)).toBe('closed')
    expect(id).toBe(Buffer.from(identityFromSeed(new Uint8Array(32).fill(1)).publicKey).toString('hex'))
  })

  test('answers what it was asked alone; its end is told to all who wait', async () => {
    openDoors({ maxAsks: 2 })
    const node = connect()
    await node.register()
    await node.say(OFFER)
    const texts: string[] = []
    const first = found().ask(QUESTION, { onText: (text) => texts.push(text) })
    const second = found().ask(QUESTION, {})
    await expect(found().ask(QUESTION, {}).done).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    await node.say({ type: 'text', ask: 0, text: 'a' })
    await node.say({ type: 'text', ask: 77, text: 'of nobody’s' })
    await node.say({ type: 'done', ask: 0, finish: 'stop', usage: USAGE })
    await node.say({ type: 'text', ask: 0, text: 'too late' })
    expect(await first.done).toEqual({ finish: 'stop', usage: USAGE })
    expect(texts).toEqual(['a'])
    const third = found().ask(QUESTION, {})
    third.cancel()
    expect(node.heard.at(-1)).toEqual({ type: 'cancel', ask: 3 })
    node.lose()
    await expect(second.done).rejects.toMatchObject({ code: 'PEER_LEFT' })
    expect(doors.counts()).toEqual({ doors: 0, running: 0 })
  })

  test('that pours, or does not read, is cut off', async () => {
    openDoors({ rate: { perSecond: 1, burst: 5 } })
    const pouring = connect()
    await pouring.register()
    for (let message = 0; message < 6; message++) await pouring.say(OFFER)
    expect(pouring.heard.at(-1)).toMatchObject({ type: 'refused', code: 'RATE_LIMITED' })
    openDoors()
    const deaf = connect()
    await deaf.register()
    await deaf.say(OFFER)
    deaf.stall()
    const asked = found().ask(QUESTION, {})
    await expect(asked.done).rejects.toMatchObject({ code: 'PEER_LEFT' })
    expect(deaf.closed()).not.toBeNull()
  })

  test('sends anything else once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.boolean(), async (bytes, registered) => {
        openDoors()
        const node = connect()
        if (registered) await node.register()
        await node.raw(bytes)
        await node.raw(bytes)
        expect(node.heard.at(-1)).toMatchObject({ type: 'refused' })
        expect(node.closed()).not.toBeNull()
        expect(doors.counts().doors).toBe(0)
      }),
      { numRuns: 60 },
    )
    openDoors()
    const large = connect()
    await large.raw(new Uint8Array(MAX_DOOR_FRAME + 1))
    expect(large.heard.at(-1)).toMatchObject({ type: 'refused', code: 'FRAME_TOO_LARGE' })
  })

  test('too many of one address are not served', () => {
    openDoors({ maxDoorsPerAddress: 2 })
    const all = [connect(), connect(), connect(), connect('10.0.0.2')]
    expect(all.map(({ heard }) => heard.length)).toEqual([1, 1, 0, 1])
  })
})
