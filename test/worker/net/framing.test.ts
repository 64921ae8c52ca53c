// Fragments of frames: any size over any channel, and nothing allocated for what is not allowed.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalBytes } from '#core/crypto/bytes.ts'
import { HEADER_BYTES, layFrame, layoutFrame } from '#core/protocol/frame.ts'
import { typeByte } from '#core/protocol/message.ts'
import { messageNamed } from '#core/protocol/registry.ts'
import { createReassembler, fragmentFrame } from '../../../worker/net/framing.ts'

const TYPE = typeByte(messageNamed('PIPE_ACTIVATION'))
const BULK = typeByte(messageNamed('CONTENT_CHUNK'))
const ANY = () => undefined

function makeFrame(tailBytes: number, bodyBytes = 40, type = TYPE): Uint8Array<ArrayBuffer> {
  const body = Uint8Array.from({ length: bodyBytes }, (_, i) => i)
  const tail = Uint8Array.from({ length: tailBytes }, (_, i) => i * 31)
  return layFrame({ type, bodyBytes, tailBytes, session: new Uint8Array(16), sequence: 1 }, body, tail)
}

describe('framing', () => {
  it('carries frames of any size over messages of any size, one after another', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 5000 }),
        fc.array(fc.tuple(fc.nat({ max: 3000 }), fc.nat({ max: 100 })), { minLength: 1, maxLength: 4 }),
        (maxMessageSize, sizes) => {
          const reassembler = createReassembler(ANY)
          for (const [tail, body] of sizes) {
            const frame = makeFrame(tail * 4, body)
            const messages = [...fragmentFrame(frame, maxMessageSize, 'interactive')]
            expect(messages.every((message) => message.length <= maxMessageSize)).toBe(true)
            const results = messages.map((message) => reassembler.push(new Uint8Array(message)))
            expect(results.slice(0, -1).every((result) => result === null)).toBe(true)
            expect(equalBytes(results.at(-1) as Uint8Array, frame)).toBe(true)
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('lets frames of the one priority pass between the pieces of the other, and of its own never', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 60 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 1500 })), { minLength: 1, maxLength: 8 }),
        (turns, frames) => {
          const made = frames.map(([bulk, size]) => ({ bulk, frame: makeFrame(size * 4, 40, bulk ? BULK : TYPE) }))
          const line = (bulk: boolean) =>
            made
              .filter((entry) => entry.bulk === bulk)
              .flatMap(({ frame }) => [...fragmentFrame(frame, 600, bulk ? 'bulk' : 'interactive')])
          const lines = [line(false), line(true)] as const
          const reassembler = createReassembler(ANY)
          const whole: Uint8Array[] = []
          const order = [...turns, ...lines[0].map(() => false), ...lines[1].map(() => true)]
          for (const bulk of order) {
            const message = lines[bulk ? 1 : 0].shift()
            const frame = message && reassembler.push(new Uint8Array(message))
            if (frame) whole.push(frame)
          }
          for (const bulk of [false, true]) {
            const type = bulk ? BULK : TYPE
            const expected = made.filter((entry) => entry.bulk === bulk).map(({ frame }) => frame)
            expect(whole.filter((frame) => frame[5] === type).map((frame) => Buffer.from(frame))).toEqual(
              expected.map((frame) => Buffer.from(frame)),
            )
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('gives reassembled tails an alignment that a Float32Array can view', () => {
    const frame = makeFrame(4096, 41)
    const reassembler = createReassembler(ANY)
    const whole = [...fragmentFrame(frame, 999, 'interactive')]
      .map((message) => reassembler.push(message))
      .at(-1) as Uint8Array
    expect((whole.byteOffset + layoutFrame(41, 4096).tailStart) % 8).toBe(0)
  })

  it('asks before it allocates, from the first fragment', () => {
    const [first] = [...fragmentFrame(makeFrame(100_000), 1000, 'interactive')] as [Uint8Array]
    const asked: string[] = []
    const refusing = createReassembler((_header, definition) => {
      asked.push(definition.name)
      throw new Error('not now')
    })
    expect(() => refusing.push(first)).toThrow('not now')
    expect(asked).toEqual(['PIPE_ACTIVATION'])
    // Four gigabytes by its header: a reassembler that believed it would fail to allocate, with another error.
    const huge = first.slice()
    new DataView(huge.buffer).setUint32(8 + 12, 0xffff_fffc, true)
    expect(() => createReassembler(ANY).push(huge)).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }))
  })

  const pieces = () => [...fragmentFrame(makeFrame(4000), 1000, 'interactive')].map((piece) => new Uint8Array(piece))
  it.each<[string, (all: Uint8Array[]) => Uint8Array[]]>([
    ['a first fragment missing', (all) => all.slice(1)],
    ['a fragment twice', ([a, b]) => [a, b, b] as Uint8Array[]],
    ['a fragment left out', ([a, , c]) => [a, c] as Uint8Array[]],
    ['fragments in another order', ([a, b, c]) => [a, c, b] as Uint8Array[]],
    ['a frame between fragments', ([a]) => [a as Uint8Array, makeFrame(4)]],
    ['a fragment that claims the other priority', ([a]) => [relabelled(a as Uint8Array)]],
    ['the other priority going on with this one’s frame', ([a, b]) => [a as Uint8Array, relabelled(b as Uint8Array)]],
    ['an empty fragment', ([a, b]) => [a as Uint8Array, (b as Uint8Array).subarray(0, 8)]],
    ['a first fragment without a whole header', ([a]) => [(a as Uint8Array).subarray(0, 8 + HEADER_BYTES - 1)]],
    ['more than the header says', (all) => [...all.slice(0, -1), concat(all.at(-1) as Uint8Array, 1)]],
    ['an empty message', () => [new Uint8Array(0)]],
    ['noise', () => [new Uint8Array(100).fill(7)]],
  ])('refuses %s', (_what, make) => {
    const reassembler = createReassembler(ANY)
    expect(() => make(pieces()).forEach((message) => reassembler.push(message))).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    )
  })
})

function relabelled(fragment: Uint8Array): Uint8Array {
  const other = fragment.slice()
  other[3] = 'B'.charCodeAt(0)
  return other
}

function concat(bytes: Uint8Array, more: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + more)
  longer.set(bytes)
  return longer
}
