// Streams between two nodes: whole, in order, at the reader's pace, over links that break.

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import { createStreams, type StreamOffer, type Streams } from '../../../worker/net/streams.ts'
import type { StreamAbout } from '../../../worker/net/outgoing-stream.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createPacedPath } from './paced-line.ts'
import { createPeerPair, PEER, type PeerPair } from './peer-pair.ts'
import { createRandom } from './simulation.ts'

const MIB = 1024 * 1024
const ABOUT: StreamAbout = { purpose: 'test', subject: null, priority: 'bulk', length: null }

interface Nodes {
  readonly clock: FakeClock
  readonly pair: PeerPair
  readonly ada: Streams
  readonly ben: Streams
  /** Names of all messages, in the order in which they were sent. */
  readonly said: string[]
}

async function start(bytesPerSecond = 50e6, delayMs = 5): Promise<Nodes> {
  const clock = createFakeClock()
  const pair = createPeerPair(clock, { makeLine: createPacedPath({ clock, bytesPerSecond, delayMs }) })
  const said: string[] = []
  const make = (side: 0 | 1) => {
    const end = pair.ends[side]
    const send: typeof end.send = (peer, name, body, tail) => {
      end.send(peer, name, body, tail)
      said.push(name)
    }
    return createStreams({ swarm: { ...end, send }, clock, random: createRandom(side + 70) })
  }
  const nodes = { clock, pair, said, ada: make(0), ben: make(1) }
  pair.connect()
  await clock.advance(100)
  return nodes
}

/** Bytes that tell where in the stream they are, in pieces of a size, counted as they are taken. */
function countingSource(length: number, pieceBytes: number, failAt = Infinity) {
  const source = {
    taken: 0,
    closed: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (let offset = 0; offset < length; offset += pieceBytes) {
          if (offset >= failAt) throw new CentramError('SOURCE_CHANGED', 'The file was changed.')
          const piece = patterned(offset, Math.min(pieceBytes, length - offset))
          source.taken += piece.length
          yield piece
        }
      } finally {
        source.closed = true
      }
    },
  }
  return source
}

/** Noise without a period below its own length. */
const PATTERN = createRandom(5)(16 * MIB)
const patterned = (offset: number, length: number) => {
  const start = offset % (PATTERN.length - MIB)
  return PATTERN.subarray(start, start + length)
}

/** Reads everything; how many bytes came, and whether each was the one that belongs there. */
async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<{ length: number; right: boolean }> {
  let length = 0
  let right = true
  for await (const piece of bytes) {
    right &&= Buffer.compare(piece, patterned(length, piece.length)) === 0
    length += piece.length
  }
  return { length, right }
}

describe('a stream', () => {
  let nodes: Nodes
  beforeEach(async () => {
    nodes = await start()
  })

  it.each([0, 1, 65_536, 65_537, 10 * MIB + 5])(
    'of %i bytes arrives whole, and its sender learns so',
    async (length) => {
      const { clock, ada, ben, pair } = nodes
      const offers: StreamOffer[] = []
      let read: unknown = null
      ben.accept('test', async (offer, bytes) => {
        offers.push(offer)
        read = await readAll(bytes)
      })
      const about = { ...ABOUT, subject: new Uint8Array(32).fill(8), length }
      const stream = ada.open(PEER[0], about, countingSource(length, 100_000))
      let done = false
      void stream.done.then(() => (done = true))
      await clock.until(() => done, 20_000, 'the end')
      expect(read).toEqual({ length, right: true })
      expect(offers).toEqual([{ ...about, peer: PEER[1] }])
      expect(pair.faults).toEqual([])
    },
  )

  it('is rejected with the code that its handler throws, or that there is none', async () => {
    const { clock, ada, ben } = nodes
    ben.accept('test', () => {
      throw new CentramError('NO_CAPACITY', 'The disk is full.')
    })
    const codes: string[] = []
    const note = (error: unknown) => void codes.push(`${errorCode(error)}: ${errorMessage(error)}`)
    const source = countingSource(10, 10)
    ada.open(PEER[0], ABOUT, source).done.catch(note)
    ada.open(PEER[0], { ...ABOUT, purpose: 'other' }, source).done.catch(note)
    await clock.advance(500)
    expect(codes.sort()).toEqual(['NOT_OFFERED: This node takes no such stream.', 'NO_CAPACITY: The disk is full.'])
    expect(source.taken).toBe(0)
  })

  it('is given up by a reader that stops, a sender that cancels, and a source that fails, with the reason on both sides', async () => {
    const { clock, ada, ben } = nodes
    const outcomes: string[] = []
    const failed = (who: string) => (error: unknown) => void outcomes.push(`${who} ${errorCode(error)}`)
    ben.accept('stops', async (_offer, bytes) => {
      for await (const _piece of bytes) break
    })
    ben.accept('reads', async (offer, bytes) => {
      await readAll(bytes).catch(failed(`reader of ${String(offer.length)}`))
    })
    const stopped = countingSource(50 * MIB, 65_536)
    ada.open(PEER[0], { ...ABOUT, purpose: 'stops' }, stopped).done.catch(failed('stopped'))
    await clock.advance(1000)
    const cancelled = ada.open(
      PEER[0],
      { ...ABOUT, purpose: 'reads', length: 50 * MIB },
      countingSource(50 * MIB, 65_536),
    )
    cancelled.done.catch(failed('cancelled'))
    await clock.advance(100)
    cancelled.cancel()
    const about = { ...ABOUT, purpose: 'reads', length: 40 * MIB }
    ada.open(PEER[0], about, countingSource(40 * MIB, 65_536, 5 * MIB)).done.catch(failed('failed'))
    await clock.advance(2000)
    expect(outcomes.sort()).toEqual([
      'cancelled CANCELLED',
      'failed SOURCE_CHANGED',
      `reader of ${40 * MIB} SOURCE_CHANGED`,
      `reader of ${50 * MIB} CANCELLED`,
      'stopped CANCELLED',
    ])
    expect(stopped.closed).toBe(true)
    expect(stopped.taken).toBeLessThan(50 * MIB)
  })

  it('of a gigabyte and a reader that stalls queue at most 8 MiB on either side', async () => {
    const { clock, ada, ben, pair } = nodes
    let arrived = 0
    let read = 0
    let go = (): void => undefined
    ben.accept('test', async (_offer, bytes) => {
      for await (const piece of bytes) {
        read += piece.length
        if (read > MIB) await new Promise<void>((resolve) => (go = resolve))
      }
    })
    // Counted where they reach the receiving node, before anything of its own.
    const link = pair.link() as NonNullable<ReturnType<PeerPair['link']>>
    link.ends[0].send = ((send) => (message: Uint8Array) => {
      arrived += message.length
      send(message)
    })(link.ends[0].send)
    const source = countingSource(1024 * MIB, 65_536)
    const stream = ada.open(PEER[0], { ...ABOUT, length: 1024 * MIB }, source)
    const atSender = () => source.taken - stream.confirmedBytes + pair.waitingBytes(0)
    const atReceiver = () => arrived - read
    for (let round = 0; round < 40; round++) {
      await clock.advance(250)
      expect(atSender()).toBeLessThanOrEqual(8 * MIB)
      expect(atReceiver()).toBeLessThanOrEqual(8 * MIB)
      // A stall of seconds, then a few pieces.
      if (round % 10 === 9) go()
    }
    expect(source.taken).toBeGreaterThan(4 * MIB)
    expect(source.taken).toBeLessThan(12 * MIB)
    expect(pair.link()).not.toBeNull()
  })

  it('goes before others when it is interactive', async () => {
    const { clock, ada, ben } = await start(4e6)
    const ends: string[] = []
    ben.accept('test', async (offer, bytes) => {
      await readAll(bytes)
      ends.push(offer.priority)
    })
    ada.open(PEER[0], ABOUT, countingSource(8 * MIB, 65_536))
    ada.open(PEER[0], ABOUT, countingSource(8 * MIB, 65_536))
    await clock.advance(500)
    ada.open(PEER[0], { ...ABOUT, priority: 'interactive' }, countingSource(2 * MIB, 65_536))
    await clock.until(() => ends.length === 3, 20_000)
    expect(ends).toEqual(['interactive', 'bulk', 'bulk'])
  })
})

describe('a stream over links that break', () => {
  it('loses and doubles nothing, wherever they are cut', async () => {
    let resumed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 * MIB }),
        fc.integer({ min: 1000, max: 700_000 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 1000 })), { maxLength: 6 }),
        fc.boolean(),
        async (length, pieceBytes, cuts, known) => {
          const { clock, pair, ada, ben, said } = await start(5e6, 20)
          const reads: unknown[] = []
          ben.accept('test', async (_offer, bytes) => {
            reads.push(await readAll(bytes))
          })
          const about = { ...ABOUT, length: known ? length : null }
          const stream = ada.open(PEER[0], about, countingSource(length, pieceBytes))
          let done = false
          void stream.done.then(() => (done = true))
          for (const [after, away] of cuts) {
            await clock.advance(after)
            pair.cut()
            await clock.advance(away)
            pair.connect()
          }
          await clock.until(() => done, 20_000, 'the end')
          expect(reads).toEqual([{ length, right: true }])
          expect(pair.faults).toEqual([])
          resumed += said.filter((name) => name === 'STREAM_RESUME').length
        },
      ),
      { numRuns: 15, seed: 11, endOnFailure: true },
    )
    expect(resumed).toBeGreaterThan(5)
  })

  it('is given up on both sides when the peer stays away', async () => {
    const { clock, pair, ada, ben } = await start()
    const codes: string[] = []
    ben.accept('test', async (_offer, bytes) => {
      await readAll(bytes).catch((error: unknown) => void codes.push(`reader ${errorCode(error)}`))
    })
    ada
      .open(PEER[0], ABOUT, countingSource(200 * MIB, 65_536))
      .done.catch((error: unknown) => void codes.push(`sender ${errorCode(error)}`))
    await clock.advance(200)
    pair.cut()
    await clock.advance(59_000)
    expect(codes).toEqual([])
    await clock.advance(2000)
    expect(codes.sort()).toEqual(['reader PEER_LEFT', 'sender PEER_LEFT'])
  })

  it('ends for its reader when the sender comes back without it, and for its sender when the receiver does', async () => {
    const { clock, pair, ada, ben } = await start(2e6)
    const codes: string[] = []
    const read = (who: string) => async (_offer: StreamOffer, bytes: AsyncIterable<Uint8Array>) => {
      await readAll(bytes).catch((error: unknown) => void codes.push(`${who} ${errorCode(error)}`))
    }
    ben.accept('test', read('ben'))
    ada.accept('test', read('ada'))
    const failed = (who: string) => (error: unknown) => void codes.push(`${who} ${errorCode(error)}`)
    ada.open(PEER[0], ABOUT, countingSource(50 * MIB, 65_536)).done.catch(() => undefined)
    ben.open(PEER[1], ABOUT, countingSource(50 * MIB, 65_536)).done.catch(failed('sender at ben'))
    await clock.advance(1000)
    pair.cut()
    await clock.advance(100)
    // Ada is started anew.
    ada.close()
    await clock.advance(1)
    codes.length = 0
    const anew = createStreams({ swarm: pair.ends[0], clock, random: createRandom(99) })
    anew.accept('test', read('ada'))
    pair.connect()
    await clock.advance(61_000)
    expect(codes.sort()).toEqual(['ada SOURCE_CHANGED', 'ben PEER_LEFT', 'sender at ben SOURCE_CHANGED'])
  })
})

describe('a peer that breaks the rules of streams', () => {
  const ID = new Uint8Array(16).fill(5)
  const setup = async () => {
    // Ada speaks as she likes; only Ben has streams.
    const clock = createFakeClock()
    const pair = createPeerPair(clock)
    const ben = createStreams({ swarm: pair.ends[1], clock, random: createRandom(3) })
    pair.connect()
    await clock.advance(100)
    const errors: string[] = []
    ben.accept('test', async (_offer, bytes) => {
      await readAll(bytes).catch((error: unknown) => void errors.push(errorCode(error)))
    })
    const send = pair.ends[0].send
    for (const name of ['STREAM_ACCEPT', 'STREAM_CREDIT', 'STREAM_DATA'] as const) {
      pair.ends[0].handle(name, () => undefined)
    }
    const resets: string[] = []
    pair.ends[0].handle('STREAM_RESET', (_peer, { code }) => void resets.push(code))
    pair.ends[0].handle('STREAM_REJECT', (_peer, { code }) => void resets.push(code))
    send(PEER[0], 'STREAM_OPEN', { stream: ID, ...ABOUT, length: 6 * MIB })
    await clock.advance(10)
    return { clock, pair, ben, send, errors, resets }
  }

  it.each<[string, (send: PeerPair['ends'][0]['send']) => void]>([
    [
      'bytes beyond the credit',
      (send) => send(PEER[0], 'STREAM_DATA', { stream: ID, offset: 5 * MIB }, new Uint8Array(10)),
    ],
    [
      'an end elsewhere than was said',
      (send) => send(PEER[0], 'STREAM_END', { stream: ID, length: 3, root: new Uint8Array(32) }),
    ],
    [
      'the same bytes over and over, each time elsewhere',
      (send) => {
        for (let i = 0; i < 200; i++)
          send(PEER[0], 'STREAM_DATA', { stream: ID, offset: 9 + i }, new Uint8Array(65_536))
      },
    ],
  ])('is refused for %s', async (_what, misbehave) => {
    const { clock, pair, send } = await setup()
    misbehave(send)
    await clock.advance(100)
    expect(pair.faults[0]).toContain('PROTOCOL_VIOLATION')
  })

  it('is not believed that other bytes are what it hashed', async () => {
    const { clock, send, errors, resets } = await setup()
    send(PEER[0], 'STREAM_OPEN', { stream: new Uint8Array(16).fill(6), ...ABOUT })
    await clock.advance(10)
    send(PEER[0], 'STREAM_DATA', { stream: new Uint8Array(16).fill(6), offset: 0 }, Uint8Array.of(1, 2, 3))
    send(PEER[0], 'STREAM_END', { stream: new Uint8Array(16).fill(6), length: 3, root: new Uint8Array(32) })
    await clock.advance(100)
    expect([errors, resets]).toEqual([['SOURCE_CORRUPT'], ['SOURCE_CORRUPT']])
  })

  it('has no more than eight streams at once, and cannot make a sender send for nothing', async () => {
    const { clock, pair, send, resets, ben } = await setup()
    for (let i = 0; i < 10; i++) send(PEER[0], 'STREAM_OPEN', { stream: new Uint8Array(16).fill(20 + i), ...ABOUT })
    await clock.advance(50)
    expect(resets).toEqual(['NO_CAPACITY', 'NO_CAPACITY', 'NO_CAPACITY'])
    let opened: Uint8Array = ID
    pair.ends[0].handle('STREAM_OPEN', (_peer, { stream }) => void (opened = stream))
    const source = countingSource(100 * MIB, 65_536)
    ben.open(PEER[1], ABOUT, source)
    await clock.advance(50)
    send(PEER[0], 'STREAM_ACCEPT', { stream: opened, credit: MIB })
    await clock.advance(50)
    send(PEER[0], 'STREAM_ACCEPT', { stream: opened, credit: MIB })
    await clock.advance(50)
    expect(pair.faults).toHaveLength(1)
    send(PEER[0], 'STREAM_CREDIT', { stream: opened, offset: 0, credit: 100 })
    send(PEER[0], 'STREAM_CREDIT', { stream: opened, offset: 90 * MIB, credit: 100 * MIB })
    await clock.advance(50)
    expect(pair.faults.every((fault) => fault.includes('PROTOCOL_VIOLATION'))).toBe(true)
    expect(pair.faults).toHaveLength(3)
    expect(source.taken).toBe(MIB)
  })
})
