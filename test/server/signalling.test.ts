// The signalling service against honest and other clients, over sockets of memory.

import { describe, expect, it } from 'vitest'
import { openRoom } from '#core/crypto/room.ts'
import { createServer, listen, SERVER, type HandClient } from './signalling-client.ts'

const SECRET = new Uint8Array(16).fill(1)
const OTHER_SECRET = new Uint8Array(16).fill(2)
const LINK = new Uint8Array(16).fill(3)
const names = (client: HandClient) =>
  client
    .last('SIGNAL_ROOM_STATE')
    ?.members.map((member) => member.name)
    .sort()

const candidate = (from: HandClient, to: HandClient, text = 'candidate') => ({
  from: from.identity.publicKey,
  to: to.identity.publicKey,
  link: LINK,
  candidate: text,
  mid: '0',
  line: 0,
})

describe('rooms', () => {
  it('tells everyone in a room who is in it, through joins, renames and departures', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    const cleo = await server.connect(3)
    for (const client of [ada, ben, cleo]) await client.register()
    await ada.join(SECRET, 'Ada')
    await ben.join(SECRET, 'Ben')
    await cleo.join(OTHER_SECRET, 'Cleo')
    await listen(ada, ben, cleo)
    expect([names(ada), names(ben), names(cleo)]).toEqual([['Ada', 'Ben'], ['Ada', 'Ben'], ['Cleo']])
    await ben.join(SECRET, 'Benno')
    await listen(ada)
    expect(names(ada)).toEqual(['Ada', 'Benno'])
    await cleo.join(SECRET, 'Cleo')
    await listen(ada)
    expect(names(ada)).toEqual(['Ada', 'Benno', 'Cleo'])
    expect(server.signalling.summary()).toEqual({ connections: 3, peers: 3, rooms: 1, roomSizes: [3] })
    await ben.send('SIGNAL_ROOM_JOIN', { name: 'Benno', room: null })
    cleo.drop()
    await listen(ada)
    expect(names(ada)).toEqual(['Ada'])
    expect(ada.last('SIGNAL_ROOM_STATE')?.room).toEqual(openRoom(SECRET).id)
    await ada.send('SESSION_GOODBYE', { reason: 'leaving', resume: null })
    expect(server.signalling.summary()).toEqual({ connections: 1, peers: 1, rooms: 0, roomSizes: [] })
  })

  it('says that it has no relays to lend, and goes on', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    await ada.register()
    await ada.send('SIGNAL_RELAY', { grant: null })
    await listen(ada)
    expect(ada.last('SESSION_ERROR')).toMatchObject({ code: 'NOT_OFFERED', about: 22, fatal: false })
    await ada.join(SECRET, 'Ada')
    await listen(ada)
    expect(names(ada)).toEqual(['Ada'])
  })

  it('tells no secret of any room in its summary', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    await ada.register()
    await ada.join(SECRET, 'Ada')
    expect(JSON.stringify(server.signalling.summary())).toMatch(/^[{}"a-zA-Z:,[\]0-9]{0,80}$/)
    expect(Object.keys(server.signalling.summary())).toEqual(['connections', 'peers', 'rooms', 'roomSizes'])
  })

  it('is full at its limit, and says so without closing', async () => {
    const server = await createServer({ maxRoomMembers: 2 })
    const clients = [await server.connect(1), await server.connect(2), await server.connect(3)]
    for (const client of clients) {
      await client.register()
      await client.join(SECRET)
    }
    const [, , third] = clients as [HandClient, HandClient, HandClient]
    await listen(third)
    expect(third.last('SESSION_ERROR')).toMatchObject({ code: 'NO_CAPACITY', fatal: false })
    expect(third.closed).toBeNull()
    await third.join(OTHER_SECRET)
    await listen(third)
    expect(names(third)).toEqual(['node 3'])
  })

  it('gives a key to its newest connection', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    for (const client of [ada, ben]) {
      await client.register()
      await client.join(SECRET)
    }
    const again = await server.connect(1)
    await again.register({ incarnation: new Uint8Array(16).fill(99) })
    await again.join(SECRET, 'Ada again')
    await listen(ada, ben, again)
    expect(ada.last('SESSION_GOODBYE')).toEqual({ reason: 'replaced', resume: null })
    expect(ada.closed).toBe('replaced')
    expect(names(ben)).toEqual(['Ada again', 'node 2'])
    expect(ben.last('SIGNAL_ROOM_STATE')?.members.map((member) => member.incarnation[0])).toContain(99)
    expect(server.signalling.summary()).toMatchObject({ connections: 2, peers: 2, roomSizes: [2] })
  })
})

describe('relaying', () => {
  it('hands over a signal only after it told who it is from, however long its own signatures take', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    for (const client of [ada, ben]) await client.register()
    await ada.join(SECRET)
    let sign: () => void = () => undefined
    server.signing = new Promise((resolve) => (sign = resolve))
    await ben.join(SECRET)
    await ada.send('SIGNAL_CANDIDATE', candidate(ada, ben), { session: LINK, sequence: 0 })
    await listen(ben)
    expect([names(ben), ben.relayed.length]).toEqual([undefined, 0])
    sign()
    await listen(ben)
    expect([names(ben), ben.relayed.length]).toEqual([['node 1', 'node 2'], 1])
  })

  it('passes a node’s signals on byte for byte, to members of the same room only', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    const eve = await server.connect(3)
    for (const client of [ada, ben, eve]) await client.register()
    await ada.join(SECRET)
    await ben.join(SECRET)
    await eve.join(OTHER_SECRET)
    const frame = await ada.send('SIGNAL_CANDIDATE', candidate(ada, ben), { session: LINK, sequence: 0 })
    await eve.send('SIGNAL_CANDIDATE', candidate(eve, ben), { session: LINK, sequence: 0 })
    await ada.send('SIGNAL_CANDIDATE', candidate(ada, eve), { session: LINK, sequence: 1 })
    await listen(ben, eve)
    expect(ben.relayed).toEqual([frame])
    expect(eve.relayed).toEqual([])
    expect(eve.closed).toBeNull()
  })

  it('puts out who signs for another, and who signs wrongly', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    const eve = await server.connect(3)
    const mallory = await server.connect(4)
    for (const client of [ada, ben, eve, mallory]) {
      await client.register()
      await client.join(SECRET)
    }
    await eve.send('SIGNAL_CANDIDATE', candidate(ada, ben), { session: LINK, sequence: 0 })
    await mallory.send('SIGNAL_CANDIDATE', candidate(mallory, ben), { session: LINK, sequence: 0, signer: SERVER })
    await listen(ada, ben, eve, mallory)
    expect(ben.relayed).toEqual([])
    expect(eve.last('SESSION_ERROR')).toMatchObject({ code: 'PROTOCOL_VIOLATION', fatal: true })
    expect(mallory.last('SESSION_ERROR')).toMatchObject({ code: 'SIGNATURE_INVALID', fatal: true })
    expect([ada.closed, ben.closed]).toEqual([null, null])
    expect(names(ben)).toEqual(['node 1', 'node 2'])
  })
})

describe('what gets a client put out', () => {
  type Case = [string, string, (client: HandClient, other: HandClient) => unknown]
  it.each<Case>([
    ['a room before registration', 'PROTOCOL_VIOLATION', (client) => client.join(SECRET)],
    [
      'an answer to another challenge',
      'PROTOCOL_VIOLATION',
      (client) => client.register({ challenge: new Uint8Array(32) }),
    ],
    [
      'a registration meant for another server',
      'PROTOCOL_VIOLATION',
      (client) => client.register({ server: new Uint8Array(32) }),
    ],
    ['another version', 'VERSION_UNSUPPORTED', (client) => client.register({ version: 2 })],
    [
      'a key that it does not have',
      'SIGNATURE_INVALID',
      (client, other) => client.register({ key: other.identity.publicKey }),
    ],
    ['noise', 'FRAME_INVALID', (client) => client.sendRaw(new Uint8Array(200).fill(5))],
    ['an empty message', 'FRAME_INVALID', (client) => client.sendRaw(new Uint8Array(0))],
    ['a frame above 64 KiB', 'FRAME_TOO_LARGE', (client) => client.sendRaw(new Uint8Array(64 * 1024 + 1))],
    [
      'a message between nodes',
      'PROTOCOL_VIOLATION',
      async (client) => {
        await client.register()
        await client.send('INFER_CANCEL', { request: LINK })
      },
    ],
    [
      'a message that only the server sends',
      'PROTOCOL_VIOLATION',
      async (client) => {
        await client.register()
        await client.send('SIGNAL_ROOM_STATE', { room: LINK, members: [] })
      },
    ],
    [
      'a proof of another room’s secret',
      'PROTOCOL_VIOLATION',
      async (client) => {
        await client.register()
        const right = openRoom(SECRET)
        const proof = openRoom(OTHER_SECRET).prove(new Uint8Array(32), client.identity.publicKey)
        await client.send('SIGNAL_ROOM_JOIN', { name: 'Eve', room: { id: right.id, key: right.publicKey, proof } })
      },
    ],
    [
      'a proof overheard on another connection',
      'PROTOCOL_VIOLATION',
      async (client, other) => {
        await other.register()
        await other.join(SECRET)
        await client.register()
        const room = openRoom(SECRET)
        const proof = room.prove(new Uint8Array(32).fill(1), other.identity.publicKey)
        await client.send('SIGNAL_ROOM_JOIN', { name: 'Eve', room: { id: room.id, key: room.publicKey, proof } })
      },
    ],
    [
      'a repeated frame',
      'REPLAYED',
      async (client) => {
        await client.register()
        client.sendRaw(await client.send('SESSION_PING', { ping: 1 }))
      },
    ],
  ])('%s: %s', async (_what, code, offend) => {
    const server = await createServer()
    const bystander = await server.connect(1)
    await bystander.register()
    await bystander.join(SECRET)
    const client = await server.connect(2)
    const other = await server.connect(3)
    await offend(client, other)
    await listen(client, bystander)
    expect(client.last('SESSION_ERROR')).toMatchObject({ code, fatal: true })
    expect(client.closed).not.toBeNull()
    expect(bystander.closed).toBeNull()
    expect(names(bystander)).not.toContain('Eve')
    expect(server.signalling.summary().connections).toBe(2)
  })
})

describe('limits', () => {
  it('tells a client that is too fast, drops what is too much, and goes on once it slows down', async () => {
    const server = await createServer({ connectionRate: { perSecond: 10, burst: 20 } })
    const ada = await server.connect(1)
    await ada.register()
    for (let ping = 0; ping < 40; ping++) await ada.send('SESSION_PING', { ping })
    await listen(ada)
    expect(ada.received.filter((message) => message.name === 'SESSION_PONG')).toHaveLength(19)
    const notices = ada.received.filter((message) => message.name === 'SIGNAL_THROTTLED')
    expect(notices.map((message) => message.body)).toEqual([{ limit: 'connection', retryMs: 100 }])
    await server.clock.advance(2_000)
    await ada.send('SESSION_PING', { ping: 99 })
    await listen(ada)
    expect(ada.last('SESSION_PONG')).toEqual({ ping: 99 })
    expect(ada.closed).toBeNull()
  })

  it('reads less and less of a client that is too fast, and as before once it was slow for a while', async () => {
    const server = await createServer({
      connectionRate: { perSecond: 10, burst: 20 },
      addressRate: { perSecond: 1000, burst: 1000 },
    })
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    for (const client of [ada, ben]) await client.register()
    let ping = 0
    const hurry = async () => {
      for (let i = 0; i < 40; i++) await ada.send('SESSION_PING', { ping: ping++ })
    }
    await hurry()
    await hurry()
    expect(ada.pauses).toEqual([1000])
    for (const wait of [1000, 2000, 4000]) {
      await server.clock.advance(wait)
      await hurry()
    }
    expect(ada.pauses).toEqual([1000, 2000, 4000, 8000])
    await server.clock.advance(20_000)
    await hurry()
    expect(ada.pauses.at(-1)).toBe(1000)
    expect(ben.pauses).toEqual([])
  })

  it('lets only so many messages of a client wait to be verified', async () => {
    const server = await createServer({ maxWaitingFrames: { quiet: 4, busy: 2 } })
    const ada = await server.connect(1)
    const ben = await server.connect(2)
    for (const client of [ada, ben]) await client.register()
    for (const client of [ada, ben]) await client.join(SECRET)
    const frame = await ada.send('SIGNAL_CANDIDATE', candidate(ada, ben), { session: LINK, sequence: 0 })
    for (let i = 0; i < 20; i++) ada.sendRaw(frame)
    await listen(ada, ben)
    // The first by itself; then one is verified while four wait.
    expect(ben.relayed).toHaveLength(6)
    expect(ada.last('SIGNAL_THROTTLED')?.limit).toBe('connection')
    expect(ada.closed).toBeNull()
  })

  it('puts out a client that floods on', async () => {
    const server = await createServer({ connectionRate: { perSecond: 10, burst: 20 }, maxDropped: 50 })
    const ada = await server.connect(1)
    await ada.register()
    for (let i = 0; i < 200; i++) ada.sendRaw(new Uint8Array(100))
    await listen(ada)
    expect(ada.closed).not.toBeNull()
    expect(ada.pauses).toContain(Number.POSITIVE_INFINITY)
    expect(server.signalling.summary().connections).toBe(0)
  })

  it('counts all connections of one address together', async () => {
    const server = await createServer({ addressRate: { perSecond: 10, burst: 10 }, maxConnectionsPerAddress: 3 })
    const first = await server.connect(1)
    const second = await server.connect(2)
    const elsewhere = await server.connect(3, '192.0.2.2')
    for (const client of [first, second, elsewhere]) await client.register()
    for (let ping = 0; ping < 9; ping++) await first.send('SESSION_PING', { ping })
    for (const client of [second, elsewhere]) await client.send('SESSION_PING', { ping: 5 })
    await listen(first, second, elsewhere)
    expect(second.last('SIGNAL_THROTTLED')?.limit).toBe('address')
    expect(elsewhere.last('SESSION_PONG')).toEqual({ ping: 5 })
    await server.connect(4)
    expect((await server.connect(5)).closed).toMatch(/too many connections/)
    expect((await server.connect(6, '192.0.2.3')).closed).toBeNull()
  })

  it('closes connections that do not register, fall silent, or do not read', async () => {
    const server = await createServer({ maxWaitingBytes: 10_000 })
    const mute = await server.connect(1)
    const silent = await server.connect(2)
    const lively = await server.connect(3)
    await silent.register()
    await lively.register()
    await server.clock.advance(11_000)
    expect([mute.closed === null, silent.closed === null]).toEqual([false, true])
    for (let i = 0; i < 5; i++) {
      await lively.send('SESSION_PING', { ping: i })
      await server.clock.advance(10_000)
    }
    expect(silent.closed).not.toBeNull()
    expect(lively.closed).toBeNull()
    lively.bufferedBytes = 20_000
    await lively.send('SESSION_PING', { ping: 9 })
    expect(lively.closed).toMatch(/does not read/)
    expect(server.signalling.summary().connections).toBe(0)
  })

  it('closes everyone when it stops', async () => {
    const server = await createServer()
    const ada = await server.connect(1)
    await ada.register()
    server.signalling.close()
    expect(ada.closed).toMatch(/stopping/)
    expect(server.signalling.summary()).toEqual({ connections: 0, peers: 0, rooms: 0, roomSizes: [] })
  })
})

describe('those who are thrown out again and again', () => {
  it('are kept out for longer each time, and others are not', async () => {
    const server = await createServer({ maxStrikes: 2, banMs: 5_000, maxBanMs: 8_000 })
    const offend = async (address: string) => {
      const client = await server.connect(1, address)
      client.sendRaw(new Uint8Array(40))
      await listen(client)
      return client.closed
    }
    expect(await offend('192.0.2.7')).not.toBeNull()
    expect(server.signalling.wait('192.0.2.7')).toBe(0)
    await offend('192.0.2.7')
    expect(server.signalling.wait('192.0.2.7')).toBe(5_000)
    expect(server.signalling.wait('192.0.2.8')).toBe(0)
    await server.clock.advance(5_000)
    expect(server.signalling.wait('192.0.2.7')).toBe(0)
    for (let i = 0; i < 2; i++) await offend('192.0.2.7')
    expect(server.signalling.wait('192.0.2.7')).toBe(8_000)
    // And forgiven after a quiet minute.
    await server.clock.advance(70_000)
    for (let i = 0; i < 2; i++) await offend('192.0.2.7')
    expect(server.signalling.wait('192.0.2.7')).toBe(5_000)
  })
})
