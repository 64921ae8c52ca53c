// Two sessions over one channel: the greeting, what breaks it, order, floods, heartbeats and the goodbye.

import { describe, expect, it } from 'vitest'
import { openRoom, type RoomKeys } from '#core/crypto/room.ts'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Channel } from '../../../worker/net/channel.ts'
import { createMemoryLink, type MemoryLink } from '../../../worker/net/memory-channel.ts'
import { createSession, type PeerMessage, type Session, type SessionEnd } from '../../../worker/net/session.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createRandom, createTrackedIdentity, createTrackedVerifier } from './simulation.ts'

const ADA = await createTrackedIdentity(1)
const BEN = await createTrackedIdentity(2)
const EVE = await createTrackedIdentity(3)
const ID = new Uint8Array(16).fill(9)
const certificate = (byte: number) => new Uint8Array(32).fill(byte)

interface Side {
  readonly session: Session
  readonly messages: PeerMessage[]
  readonly passedOn: Uint8Array[]
  readonly events: string[]
  end: SessionEnd | null
}

interface Setup {
  readonly clock: FakeClock
  readonly link: MemoryLink
  readonly ada: Side
  readonly ben: Side
}

interface Overrides {
  readonly ada?: Partial<Parameters<typeof createSession>[0]>
  readonly ben?: Partial<Parameters<typeof createSession>[0]>
  readonly maxMessageSize?: number
  /** May change, drop or add messages from Ada to Ben. */
  readonly meddle?: (message: Uint8Array<ArrayBuffer>, pass: (message: Uint8Array<ArrayBuffer>) => void) => void
}

async function connect(overrides: Overrides = {}): Promise<Setup> {
  const clock = createFakeClock()
  const verifier = await createTrackedVerifier()
  const link = createMemoryLink({ maxMessageSize: overrides.maxMessageSize ?? 64 * 1024 })
  const make = (own: typeof ADA, remote: typeof ADA, channel: Channel, more: Overrides['ada']): Side => {
    const side: { -readonly [Key in keyof Side]: Side[Key] } = {
      session: null as unknown as Session,
      messages: [],
      passedOn: [],
      events: [],
      end: null,
    }
    side.session = createSession({
      channel,
      identity: own,
      remoteKey: remote.publicKey,
      initiator: own === ADA,
      localFingerprint: certificate(own === ADA ? 1 : 2),
      remoteFingerprint: certificate(own === ADA ? 2 : 1),
      room: null,
      random: createRandom(own === ADA ? 1 : 2),
      verifier,
      clock,
      events: {
        onOpen: () => side.events.push('open'),
        onMessage: (message) => side.messages.push(message),
        onPassedOn: (frame) => side.passedOn.push(frame),
        onRefused: ({ code }) => side.events.push(`refused ${code}`),
        onStalled: (stalled) => side.events.push(stalled ? 'stalled' : 'back'),
        onEnd: (end) => {
          side.events.push('end')
          side.end = end
        },
      },
      ...more,
    })
    return side
  }
  const [a, b] = link.ends
  const ada = make(ADA, BEN, a, overrides.ada)
  const ben = make(BEN, ADA, overrides.meddle === undefined ? b : meddling(b, overrides.meddle), overrides.ben)
  await clock.advance(100)
  return { clock, link, ada, ben }
}

function meddling(channel: Channel, meddle: NonNullable<Overrides['meddle']>): Channel {
  return {
    maxMessageSize: channel.maxMessageSize,
    get bufferedBytes() {
      return channel.bufferedBytes
    },
    send: (message) => channel.send(message),
    drained: () => channel.drained(),
    onClose: (listener) => channel.onClose(listener),
    close: (reason) => channel.close(reason),
    onMessage: (listener) => channel.onMessage((message) => meddle(message, listener)),
  }
}

const activation = (step: number, columns = 1): BodyOf<'PIPE_ACTIVATION'> => ({
  plan: ID,
  stage: 1,
  session: 1,
  step,
  position: step,
  columns,
  family: 'decode',
  output: 'token',
  results: 'last',
  computeMs: [],
})

describe('the greeting', () => {
  it('opens both sides', async () => {
    const { ada, ben } = await connect()
    expect([ada.session.state, ben.session.state]).toEqual(['open', 'open'])
    expect([ada.events, ben.events]).toEqual([['open'], ['open']])
  })

  it('opens over a channel whose messages are smaller than its frames', async () => {
    const { ada, ben } = await connect({ maxMessageSize: 100 })
    expect([ada.session.state, ben.session.state]).toEqual(['open', 'open'])
  })

  it.each<[string, Overrides]>([
    ['someone between them shows other certificates', { ben: { remoteFingerprint: certificate(7) } }],
    ['the other side is another node than the server said', { ben: { identity: EVE } }],
    ['one side expects another node', { ada: { remoteKey: EVE.publicKey } }],
    ['they hold secrets of different rooms', { ada: { room: room(1) }, ben: { room: room(2) } }],
    ['one side cannot prove the room', { ada: { room: room(1) } }],
    ['both think that they begin', { ben: { initiator: true } }],
  ])('does not open when %s', async (_what, overrides) => {
    const { clock, ada, ben } = await connect(overrides)
    await clock.advance(15_000)
    expect([ada.session.state, ben.session.state]).toEqual(['ended', 'ended'])
    // One side may have been satisfied for a moment; it cannot have used the link with one who was not.
    expect(ada.messages.length + ben.messages.length).toBe(0)
    expect([ada.end?.by, ben.end?.by]).toContain('refused')
  })

  it('opens in a room that both can prove', async () => {
    const { ada, ben } = await connect({ ada: { room: room(1) }, ben: { room: room(1) } })
    expect([ada.session.state, ben.session.state]).toEqual(['open', 'open'])
  })

  it('gives up on a side that never speaks', async () => {
    const { clock, ada, ben } = await connect({ meddle: () => undefined })
    expect(ada.session.state).toBe('opening')
    await clock.advance(10_000)
    expect(ada.end?.code).toBe('TIMEOUT')
    expect(ben.session.state).toBe('ended')
  })
})

describe('messages', () => {
  it('arrive in order, large ones in pieces, and their tails can be viewed as floats', async () => {
    const { clock, ada, ben } = await connect()
    const sent: Float32Array[] = []
    for (let step = 0; step < 40; step++) {
      const hidden = Float32Array.from({ length: step % 5 === 0 ? 100_000 : 8 }, (_, i) => i * step)
      sent.push(hidden.slice())
      ada.session.send('PIPE_ACTIVATION', activation(step), hidden)
      hidden.fill(-1)
    }
    await clock.advance(100)
    expect(ben.messages.map((message) => (message.body as { step: number }).step)).toEqual(sent.map((_, i) => i))
    for (const [index, { tail }] of ben.messages.entries()) {
      const view = new Float32Array(tail.buffer, tail.byteOffset, tail.byteLength / 4)
      expect(Buffer.compare(Buffer.from(view.buffer, view.byteOffset, view.byteLength), bytesOf(sent[index]))).toBe(0)
    }
  })

  it('wait behind the high-water mark, and drained() says when to go on', async () => {
    const { clock, ada, ben, link } = await connect()
    link.interrupt()
    const hidden = new Float32Array(1024 * 1024)
    for (let step = 0; step < 4; step++) ada.session.send('PIPE_ACTIVATION', activation(step), hidden)
    await clock.advance(10)
    expect(ada.session.waitingBytes).toBeGreaterThan(16 * 1024 * 1024)
    let drained = false
    void ada.session.drained().then(() => (drained = true))
    await clock.advance(10)
    expect(drained).toBe(false)
    expect(() => {
      for (let step = 4; step < 40; step++) ada.session.send('PIPE_ACTIVATION', activation(step), hidden)
    }).toThrow(expect.objectContaining({ code: 'NO_CAPACITY' }))
    link.heal()
    await clock.until(() => drained, 1000)
    await clock.until(() => ben.messages.length >= 4, 1000)
    expect(ada.session.state).toBe('open')
  })

  it('cannot be sent before the greeting or after the end, nor malformed', async () => {
    const { ada, ben } = await connect()
    expect(() => ada.session.send('INFER_CANCEL', { request: new Uint8Array(3) })).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    )
    expect(() => ada.session.send('PIPE_ACTIVATION', activation(1), new Uint8Array(6))).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    )
    ben.session.end('leaving')
    expect(() => ben.session.send('INFER_CANCEL', { request: ID })).toThrow(
      expect.objectContaining({ code: 'CHANNEL_CLOSED' }),
    )
  })
})

describe('a peer that breaks the rules', () => {
  /** Connects, then lets Ada send one message that the wire turns into something else. */
  async function send(meddle: NonNullable<Overrides['meddle']>, count = 1) {
    let armed = false
    const setup = await connect({ meddle: (message, pass) => (armed ? meddle(message, pass) : pass(message)) })
    expect(setup.ben.session.state).toBe('open')
    armed = true
    for (let i = 0; i < count; i++) setup.ada.session.send('INFER_CANCEL', { request: ID })
    await setup.clock.advance(1000)
    return setup
  }

  it.each<[string, string, NonNullable<Overrides['meddle']>]>([
    ['a flipped bit', 'SIGNATURE_INVALID', (message, pass) => pass(flip(message, 50))],
    ['noise', 'FRAME_INVALID', (_, pass) => pass(new Uint8Array(500).fill(1))],
    ['an empty message', 'FRAME_INVALID', (_, pass) => pass(new Uint8Array(0))],
    ['a truncated frame', 'FRAME_INVALID', (message, pass) => pass(message.slice(0, -1))],
    ['another session', 'PROTOCOL_VIOLATION', (message, pass) => pass(flip(message, 16))],
    ['another version', 'VERSION_UNSUPPORTED', (message, pass) => pass(flip(message, 4))],
  ])('is put out for %s, with the code %s', async (_what, code, meddle) => {
    const { ada, ben } = await send(meddle)
    expect(ben.end).toMatchObject({ by: 'refused', code })
    expect(ben.messages).toEqual([])
    expect(ada.end).toMatchObject({ by: 'remote', code: 'PEER_REFUSED' })
    expect(ada.end?.message).toContain(code)
  })

  it('is put out for a repeated frame, a frame left out, and frames in another order', async () => {
    const repeated = await send((message, pass) => {
      pass(message)
      pass(new Uint8Array(message))
    })
    expect(repeated.ben.messages).toHaveLength(1)
    expect(repeated.ben.end).toMatchObject({ by: 'refused', code: 'REPLAYED' })
    let dropped = 0
    const gap = await send((message, pass) => (dropped++ === 0 ? undefined : pass(message)), 2)
    expect(gap.ben.messages).toEqual([])
    expect(gap.ben.end).toMatchObject({ by: 'refused', code: 'PROTOCOL_VIOLATION' })
    const held: Uint8Array<ArrayBuffer>[] = []
    const swapped = await send((message, pass) => {
      held.push(message)
      if (held.length === 2) held.reverse().forEach(pass)
    }, 2)
    expect(swapped.ben.messages).toEqual([])
    expect(swapped.ben.end).toMatchObject({ by: 'refused', code: 'PROTOCOL_VIOLATION' })
  })

  it('is put out when its own frames are reflected to it', async () => {
    const frames: Uint8Array<ArrayBuffer>[] = []
    let armed = false
    const { clock, ada, ben, link } = await connect({
      meddle: (message, pass) => {
        if (armed) frames.push(new Uint8Array(message))
        pass(message)
      },
    })
    armed = true
    ada.session.send('INFER_CANCEL', { request: ID })
    await clock.until(() => ben.messages.length === 1, 1000)
    link.ends[1].send(frames[0] as Uint8Array)
    await clock.advance(1000)
    expect(ada.messages).toEqual([])
    expect(ada.end?.by).toBe('refused')
  })

  it('is put out for a greeting in an open session', async () => {
    // A HELLO that was seen before, once more.
    const seen: Uint8Array<ArrayBuffer>[] = []
    let armed = false
    const { clock, ben, ada } = await connect({
      meddle: (message, pass) => {
        if (seen.length === 0) seen.push(new Uint8Array(message))
        pass(armed ? (seen[0] as Uint8Array<ArrayBuffer>) : message)
      },
    })
    armed = true
    ada.session.send('INFER_CANCEL', { request: ID })
    await clock.advance(1000)
    expect(ben.end).toMatchObject({ by: 'refused', code: 'PROTOCOL_VIOLATION' })
  })

  it('is put out for a flood', async () => {
    const { clock, ada, ben } = await connect()
    for (let i = 0; i < 700; i++) ada.session.send('INFER_CANCEL', { request: ID })
    await clock.advance(10)
    expect(ben.end).toMatchObject({ by: 'refused', code: 'RATE_LIMITED' })
    expect(ben.messages.length).toBeLessThanOrEqual(500)
  })
})

describe('signals that a node signed itself', () => {
  const offer = async (sequence: number, sdp = 'v=0') =>
    sealFrame(
      prepareMessage(
        'SIGNAL_DESCRIPTION',
        { from: EVE.publicKey, to: BEN.publicKey, link: ID, type: 'offer', sdp, offer: 1 },
        undefined,
      ),
      EVE,
      ID,
      sequence,
    )

  it('pass as they are, between messages of the session and in fragments, without disturbing its order', async () => {
    const { clock, ada, ben } = await connect({ maxMessageSize: 4000 })
    const frames = [await offer(7), await offer(7, 'x'.repeat(20_000)), await offer(3)]
    for (const frame of frames) {
      ada.session.send('INFER_CANCEL', { request: ID })
      ada.session.passOn(frame)
    }
    ada.session.send('INFER_CANCEL', { request: ID })
    await clock.advance(100)
    expect(ben.passedOn).toEqual(frames)
    expect(ben.messages).toHaveLength(4)
    expect([ada.end, ben.end]).toEqual([null, null])
  })

  it('are no way around the session for anything else, nor before it is open', async () => {
    const { clock, ada, ben } = await connect()
    const message = await sealFrame(prepareMessage('INFER_CANCEL', { request: ID }, undefined), EVE, ID, 0)
    expect(() => ada.session.passOn(message)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }))
    expect(() => ada.session.passOn(new Uint8Array(200))).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
    ada.session.end('leaving')
    await clock.advance(1000)
    const frame = await offer(0)
    expect(() => ada.session.passOn(frame)).toThrow(expect.objectContaining({ code: 'CHANNEL_CLOSED' }))
    expect([ben.passedOn, ben.messages]).toEqual([[], []])
  })

  it('end the link of who pours them', async () => {
    const { clock, ada, ben } = await connect()
    const frame = await offer(0)
    for (let i = 0; i < 700; i++) ada.session.passOn(frame)
    await clock.advance(10)
    expect(ben.end).toMatchObject({ by: 'refused', code: 'RATE_LIMITED' })
    expect(ben.passedOn.length).toBeLessThanOrEqual(500)
  })
})

describe('heartbeat', () => {
  it('measures the round trip', async () => {
    const { clock, ada } = await connect()
    await clock.advance(5_000)
    expect(ada.session.roundTripMs).toBe(0)
  })

  it('finds a silent peer within 2.5 s, hears it again, and gives it up after 30 s', async () => {
    const { clock, ada, ben, link } = await connect()
    await clock.advance(5_000)
    link.interrupt()
    const found = await clock.until(() => ada.events.includes('stalled'), 5_000)
    expect(found).toBeLessThanOrEqual(2_500)
    await clock.advance(10_000)
    link.heal()
    await clock.until(() => ada.events.includes('back'), 1_000)
    expect(ada.events).toEqual(['open', 'stalled', 'back'])
    expect(ada.session.state).toBe('open')
    link.interrupt()
    const gone = await clock.until(() => ada.end !== null, 40_000)
    expect(gone).toBeGreaterThanOrEqual(28_000)
    expect(gone).toBeLessThanOrEqual(31_000)
    expect(ada.end?.code).toBe('LINK_FAILED')
    expect(ben.end?.code).toBe('LINK_FAILED')
  })

  it('does not blame the peer for a sleep of its own', async () => {
    const { clock, ada } = await connect()
    let asleep = 0
    const now = clock.now.bind(clock)
    clock.now = () => now() + asleep
    asleep = 60_000
    await clock.advance(1_000)
    expect(ada.events).toEqual(['open'])
  })

  it('keeps quiet once the session has ended', async () => {
    const { clock, ada, ben, link } = await connect()
    ada.session.end('leaving')
    await clock.advance(60_000)
    expect(ada.end).toMatchObject({ by: 'local' })
    expect(ben.end).toMatchObject({ by: 'remote', code: 'PEER_LEFT' })
    expect(ben.events).toEqual(['open', 'end'])
    expect(() => link.ends[0].send(Uint8Array.of(1))).toThrow()
  })
})

function room(byte: number): RoomKeys {
  return openRoom(new Uint8Array(16).fill(byte))
}

function flip(message: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const flipped = new Uint8Array(message)
  flipped[at] = (flipped[at] as number) ^ 2
  return flipped
}

function bytesOf(values: Float32Array | undefined): Uint8Array {
  return new Uint8Array((values as Float32Array).buffer)
}
