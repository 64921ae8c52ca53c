// What a peer may do with lanes, and what it may not: whose names count, how many there are, and what comes on them.

import { describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { createLanes, type LaneLink } from '../../../worker/net/lanes.ts'
import type { LinkSignal } from '../../../worker/net/link-transport.ts'
import type { PeerLink } from '../../../worker/net/peer-link.ts'
import type { PeerMessage, Session, SessionEnd } from '../../../worker/net/session.ts'
import { createFakeClock } from './fake-clock.ts'

const OFFER: LinkSignal = { kind: 'description', type: 'offer', sdp: '', offer: 0 }
const CANDIDATE: LinkSignal = { kind: 'candidate', candidate: '', mid: null, line: null }
const KEYS = { ada: new Uint8Array(32).fill(1), ben: new Uint8Array(32).fill(2) }

interface FakeLane extends LaneLink {
  readonly signals: LinkSignal[]
  ended: SessionEnd | null
  /** Its connection broke, and what it brought is still being handled. */
  isBroken: boolean
  /** Messages sent on it. */
  sent: number
}

/** One side's lanes over links that do nothing. */
function start(self: keyof typeof KEYS, peer: keyof typeof KEYS, id = 9, path: PeerLink['path'] = 'direct') {
  const clock = createFakeClock()
  const made: FakeLane[] = []
  const delivered: PeerMessage[] = []
  let sent = 0
  let bulkLost = 0
  const session = (waitingBytes: () => number, lane?: FakeLane): Session => ({
    state: 'open',
    get writable() {
      return lane?.isBroken !== true
    },
    stalled: false,
    roundTripMs: 40,
    leastRoundTripMs: 40,
    answeredAt: Number.POSITIVE_INFINITY,
    get waitingBytes() {
      return waitingBytes()
    },
    send() {
      sent++
      if (lane) lane.sent++
    },
    passOn: () => undefined,
    drained: () => (lane?.isBroken ? Promise.reject(new Error('closed')) : Promise.resolve()),
    complain: () => undefined,
    suspect: () => undefined,
    broken: () => undefined,
    end: () => undefined,
  })
  const link = (lane: Pick<LaneLink, 'id'>, more: Partial<PeerLink>): PeerLink => ({
    id: lane.id,
    name: toHex(lane.id),
    state: 'open',
    session: session(() => 1e6),
    lastSignal: -1,
    path: null,
    signalFromPeer: () => undefined,
    signalToPeer: () => undefined,
    opened: () => undefined,
    transportState: () => undefined,
    end: () => undefined,
    ...more,
  })
  const lanes = createLanes({
    link: link({ id: new Uint8Array(16).fill(id) }, { path }),
    selfKey: KEYS[self],
    remoteKey: KEYS[peer],
    clock,
    createLink(options) {
      const lane: FakeLane = { ...options, signals: [], ended: null, isBroken: false, sent: 0 }
      made.push(lane)
      return link(options, {
        session: session(() => 0, lane),
        signalFromPeer: (signal) => lane.signals.push(signal),
        end(_reason, end) {
          lane.ended = end
          options.events.onEnd(end, true)
        },
      })
    },
    onMessage: (message) => delivered.push(message),
    onRefused: () => undefined,
    onBulkLost: () => bulkLost++,
  })
  return { clock, lanes, made, delivered, sent: () => sent, bulkLost: () => bulkLost }
}

/** The ids of lanes that a node opens to the other, in order. */
async function idsOf(self: keyof typeof KEYS, peer: keyof typeof KEYS, id?: number): Promise<Uint8Array[]> {
  const { clock, lanes, made } = start(self, peer, id)
  for (let i = 0; made.length < 20 && i < 400; i++) {
    lanes.send('STREAM_DATA', { stream: new Uint8Array(16), offset: 0 }, new Uint8Array(60_000 * (1 + made.length)))
    await clock.advance(500)
    // As if none of them came about: each is tried again under a new name.
    if (i % 3 === 2)
      for (const { events } of made) events.onEnd({ code: 'LINK_FAILED', message: '', by: 'local' }, false)
  }
  return made.map((lane) => lane.id)
}

const message = (name: PeerMessage['name']) => ({ name, body: {}, tail: new Uint8Array(0) }) as unknown as PeerMessage

describe('lanes that a peer opens', () => {
  it('are known by names that only it can give on this link, each of them once', async () => {
    const ids = await idsOf('ben', 'ada')
    expect(new Set(ids.map(toHex)).size).toBe(ids.length)
    const { lanes, made } = start('ada', 'ben')
    const [first, second] = ids as [Uint8Array, Uint8Array]
    const others = [...(await idsOf('ada', 'ben')), ...(await idsOf('ben', 'ada', 10)), new Uint8Array(16)]
    for (const id of others) expect(lanes.takeSignal({ link: id, sequence: 0, signal: OFFER })).toBe(false)
    expect(made).toEqual([])

    expect(lanes.takeSignal({ link: second, sequence: 0, signal: OFFER })).toBe(true)
    expect(made.map(({ id, polite }) => [id, polite])).toEqual([[second, true]])
    lanes.takeSignal({ link: second, sequence: 1, signal: CANDIDATE })
    lanes.takeSignal({ link: second, sequence: 1, signal: CANDIDATE })
    expect(made[0]?.signals).toEqual([OFFER, CANDIDATE])
    // Ended, it does not come back, nor does one with a lower number.
    made[0]?.events.onEnd({ code: 'PEER_LEFT', message: '', by: 'remote' }, true)
    for (const id of [first, second]) expect(lanes.takeSignal({ link: id, sequence: 5, signal: OFFER })).toBe(false)
    expect(made).toHaveLength(1)
  })

  it('begin with an offer, and are seven at most', async () => {
    const ids = await idsOf('ben', 'ada')
    const { lanes, made } = start('ada', 'ben')
    expect(lanes.takeSignal({ link: ids[0] as Uint8Array, sequence: 0, signal: CANDIDATE })).toBe(true)
    expect(made).toEqual([])
    for (const id of ids.slice(0, 12)) lanes.takeSignal({ link: id, sequence: 0, signal: OFFER })
    expect(made).toHaveLength(7)
  })

  it('carry its bulk and nothing else', async () => {
    const ids = await idsOf('ben', 'ada')
    const { lanes, made, delivered, bulkLost } = start('ada', 'ben')
    for (const id of ids.slice(0, 3)) lanes.takeSignal({ link: id, sequence: 0, signal: OFFER })
    const [good, bad, worse] = made as [FakeLane, FakeLane, FakeLane]
    good.events.onMessage(message('CONTENT_CHUNK'))
    bad.events.onMessage(message('PIPE_ACTIVATION'))
    worse.events.onPassedOn(new Uint8Array(100))
    expect(delivered.map(({ name }) => name)).toEqual(['CONTENT_CHUNK'])
    expect([good, bad, worse].map(({ ended }) => ended?.code)).toEqual([
      undefined,
      'PROTOCOL_VIOLATION',
      'PROTOCOL_VIOLATION',
    ])
    expect(bulkLost()).toBe(2)
    good.events.onInterrupted(true)
    expect(good.ended?.code).toBe('LINK_FAILED')
    expect(bulkLost()).toBe(3)
  })

  it('go with the first link, without a word about bulk', async () => {
    const ids = await idsOf('ben', 'ada')
    const { lanes, made, bulkLost } = start('ada', 'ben')
    lanes.takeSignal({ link: ids[0] as Uint8Array, sequence: 0, signal: OFFER })
    lanes.end()
    expect(made[0]?.ended?.code).toBe('CANCELLED')
    expect(bulkLost()).toBe(0)
    expect(lanes.takeSignal({ link: ids[1] as Uint8Array, sequence: 0, signal: OFFER })).toBe(false)
  })
})

it('a lane that this node opened is not for its peer to send on', async () => {
  const { clock, lanes, made, delivered } = start('ada', 'ben')
  for (let i = 0; made.length === 0 && i < 40; i++) {
    lanes.send('STREAM_DATA', { stream: new Uint8Array(16), offset: 0 }, new Uint8Array(60_000))
    await clock.advance(500)
  }
  made[0]?.events.onMessage(message('CONTENT_CHUNK'))
  expect(delivered).toEqual([])
  expect(made[0]?.ended?.code).toBe('PROTOCOL_VIOLATION')
})

it('a lane that broke carries nothing more, though what it brought is still handled', async () => {
  const { clock, lanes, made } = start('ada', 'ben')
  const send = () => lanes.send('STREAM_DATA', { stream: new Uint8Array(16), offset: 0 }, new Uint8Array(60_000))
  for (let i = 0; made.length === 0 && i < 40; i++) {
    send()
    await clock.advance(500)
  }
  const [lane] = made as [FakeLane]
  send()
  expect(lane.sent).toBe(1)
  for (const one of made) one.isBroken = true
  send()
  expect(lane.sent).toBe(1)
  await lanes.drained()
})

it('a link through a relay gets none', async () => {
  const make = async (path: PeerLink['path']) => {
    const { clock, lanes, made } = start('ada', 'ben', 9, path)
    for (let i = 0; i < 20; i++) {
      lanes.send('STREAM_DATA', { stream: new Uint8Array(16), offset: 0 }, new Uint8Array(60_000))
      await clock.advance(500)
    }
    return made.length
  }
  expect(await make('relayed')).toBe(0)
  expect(await make('direct')).toBeGreaterThan(0)
})
