// Opening a frame is total: whatever the bytes, and whoever signed them, it gives a message or a coded error.

import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { openFrame, prepareMessage } from '#core/protocol/codec.ts'
import { layFrame, readHeader } from '#core/protocol/frame.ts'
import { typeByte } from '#core/protocol/message.ts'
import { MESSAGES, messageNamed, type BodyOf, type MessageName } from '#core/protocol/registry.ts'
import golden from '../../vectors/protocol/frames.json' with { type: 'json' }
import { refusal } from './frame-tools.ts'

/** As if the attacker's key were good and every signature right: only the parsing is left to stop it. */
const credulous: Verifier = () => Promise.resolve(true)
const KEY = new Uint8Array(32)
const CODES = /^(accepted|FRAME_INVALID|FRAME_TOO_LARGE|VERSION_UNSUPPORTED|PROTOCOL_VIOLATION)$/

let frames: Uint8Array[]
beforeAll(() => {
  frames = Object.values(golden)
    .flat()
    .map((hex) => fromHex(hex) as Uint8Array)
})

it('takes any bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect(await refusal(openFrame(bytes, KEY, credulous))).toMatch(CODES)
    }),
    { numRuns: 500 },
  )
})

it('takes golden frames with any bytes changed, cut out or put in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.nat(),
      fc.nat({ max: 8 }),
      fc.uint8Array({ maxLength: 8 }),
      async (pick, at, cut, put) => {
        const frame = frames[pick % frames.length] as Uint8Array
        const start = at % frame.length
        const mutated = new Uint8Array([...frame.subarray(0, start), ...put, ...frame.subarray(start + cut)])
        expect(await refusal(openFrame(mutated, KEY, credulous))).toMatch(CODES)
      },
    ),
    { numRuns: 2000 },
  )
})

it('takes any value as a body, and hands on only what could also be sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...MESSAGES.map((message) => message.name)),
      fc.object({ maxDepth: 3, withNullPrototype: false }),
      fc.nat({ max: 4 }),
      async (name, value, words) => {
        let body: Uint8Array
        try {
          body = encodeCanonical(value)
        } catch {
          return
        }
        const header = {
          type: typeByte(messageNamed(name)),
          bodyBytes: body.length,
          tailBytes: words * 4,
          session: new Uint8Array(16),
          sequence: 0,
        }
        const frame = layFrame(header, body, new Uint8Array(words * 4))
        expect(await refusal(openFrame(frame, KEY, credulous))).toMatch(CODES)
      },
    ),
    { numRuns: 500 },
  )
  for (const frame of frames) {
    const message = await openFrame(frame, KEY, credulous)
    const again = prepareMessage(message.name, message.body as BodyOf<MessageName>, message.tail)
    expect(again.body).toEqual(frame.subarray(40, 40 + readHeader(frame).bodyBytes))
  }
})
