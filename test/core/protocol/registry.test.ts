// Every message of the registry against everything a message must survive. A new message is in here by being declared.

import { beforeAll, describe, expect, it } from 'vitest'
import { compareBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { createVerifier, identityFromSeed, type Identity, type Verifier } from '#core/crypto/identity.ts'
import type { CentramError } from '#core/errors.ts'
import { admitHeader, openFrame, openSelfSigned } from '#core/protocol/codec.ts'
import {
  allocateFrame,
  HEADER_BYTES,
  layFrame,
  readHeader,
  signatureOf,
  signedBytes,
  splitFrame,
} from '#core/protocol/frame.ts'
import { FAMILIES, typeByte, type Direction, type SessionState } from '#core/protocol/message.ts'
import { createReceiver } from '#core/protocol/receiver.ts'
import { MESSAGES, messageNamed, messageOfType, OBJECTS, type MessageName } from '#core/protocol/registry.ts'
import { RATES } from '#core/protocol/rates.ts'
import golden from '../../vectors/protocol/frames.json' with { type: 'json' }
import { flipBit, importSigner, refusal } from './frame-tools.ts'
import { heldObjects, isOptional, fieldsOf, longestEncoding } from './schema-tools.ts'
import { SAMPLES, SEQUENCE, SESSION, sealSample, type Sample } from '../../vectors/protocol/samples.ts'

const STATES: readonly SessionState[] = ['greeting', 'proving', 'open', 'challenged', 'registered', 'relayed']
const DIRECTIONS: readonly Direction[] = ['any', 'initiator', 'responder', 'to-server', 'from-server']
const NAMES = MESSAGES.map((message) => message.name)
const FRAMES = golden as Readonly<Record<string, readonly string[]>>

let verify: Verifier
let SIGNER: Identity
beforeAll(async () => {
  SIGNER = await importSigner()
  verify = await createVerifier(globalThis.crypto.subtle)
})

const samplesOf = (name: MessageName) => SAMPLES[name] as readonly Sample<MessageName>[]
const framesOf = (name: MessageName) => (FRAMES[name] ?? []).map((hex) => fromHex(hex) as Uint8Array<ArrayBuffer>)
const open = (frame: Uint8Array) => openFrame(frame, SIGNER.publicKey, verify)
const tailBytes = (tail: ArrayBufferView | undefined) =>
  tail === undefined ? new Uint8Array(0) : new Uint8Array(tail.buffer, tail.byteOffset, tail.byteLength)

/** As if every signature were right. */
const credulous: Verifier = () => Promise.resolve(true)

/** A frame of any bytes as body and tail, unsigned. */
function layRaw(name: MessageName, body: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = typeByte(messageNamed(name))
  const header = { type, bodyBytes: body.length, tailBytes: tail.length, session: SESSION, sequence: SEQUENCE }
  return layFrame(header, body, tail)
}

describe('registry', () => {
  it('has 96 messages, eight a family, and a vector for every message and no other', () => {
    expect(FAMILIES).toHaveLength(12)
    expect(MESSAGES.map(typeByte)).toEqual(Array.from({ length: 96 }, (_, type) => type))
    expect(new Set(NAMES).size).toBe(96)
    for (const message of MESSAGES) {
      expect(message.name.startsWith(`${message.family.toUpperCase()}_`), message.name).toBe(true)
      expect(messageOfType(typeByte(message))).toBe(message)
      expect(message.states.length).toBeGreaterThan(0)
      expect(RATES[message.rate].perSecond).toBeGreaterThan(0)
      expect(message.tail === 'none').toBe(message.maxTail === 0)
      expect(message.summary.endsWith('.'), message.name).toBe(true)
    }
    expect(Object.keys(FRAMES).sort()).toEqual([...NAMES].sort())
    for (const name of NAMES) expect(FRAMES[name]).toHaveLength(SAMPLES[name].length)
  })

  it('has no field without a bound, and no cap that a legal body can exceed unless that is on purpose', () => {
    // Their parts may each be large, but not all of them at once.
    const cappedBelow = new Set<string>([
      'SESSION_HELLO',
      'SESSION_HELLO_ACK',
      'SIGNAL_DESCRIPTION',
      'PEER_RESULTS',
      'PEER_EXCHANGE',
      'PEER_CAPABILITIES',
      'INFER_REQUEST',
      'GATE_LINEAGE',
    ])
    for (const { name, body, maxBody } of MESSAGES) {
      const longest = longestEncoding(body)
      expect(longest, name).toBeLessThan(Infinity)
      expect(longest > maxBody, `${name}: ${longest} bytes in ${maxBody}`).toBe(cappedBelow.has(name))
    }
    for (const { name, schema, maxBytes } of OBJECTS)
      expect(longestEncoding(schema), name).toBeLessThanOrEqual(maxBytes)
  })

  it('knows every object that a body carries, under one name each', () => {
    const held = new Set(MESSAGES.flatMap((message) => heldObjects(message.body)))
    expect(OBJECTS.map((object) => object.name).sort()).toEqual([...held].sort())
  })

  it('keeps the type bytes that older nodes know', () => {
    expect(Object.fromEntries(MESSAGES.map((message) => [message.name, typeByte(message)]))).toMatchObject({
      SESSION_HELLO: 0,
      SESSION_ERROR: 7,
      SIGNAL_REGISTER: 16,
      SIGNAL_THROTTLED: 23,
      PEER_CAPABILITIES: 28,
      INFER_REQUEST: 48,
      INFER_ACCEPT: 50,
      INFER_CANCEL: 54,
      PIPE_PLAN: 56,
      PIPE_COMMIT: 57,
      PIPE_LOAD_STATUS: 58,
      PIPE_ACTIVATION: 59,
      PIPE_LOGITS: 60,
      PIPE_KV_TRIM: 61,
    })
  })

  it('refuses type bytes that no message has', async () => {
    const [frame] = framesOf('SESSION_PING')
    for (let type = 96; type < 256; type++) {
      const other = (frame as Uint8Array).slice()
      other[5] = type
      expect(await refusal(open(other))).toBe('PROTOCOL_VIOLATION')
    }
  })
})

describe.each(NAMES)('%s', (name) => {
  const definition = messageNamed(name)

  it('encodes to its golden frame and back', async () => {
    for (const [index, sample] of samplesOf(name).entries()) {
      const frame = await sealSample(name, sample, SIGNER)
      expect(toHex(frame)).toBe(FRAMES[name]?.[index])
      const message = await open(framesOf(name)[index] as Uint8Array)
      expect(message.name).toBe(name)
      expect(message.body).toEqual(sample.body)
      expect(toHex(message.tail)).toBe(toHex(tailBytes(sample.tail)))
      expect(message.session).toEqual(SESSION)
      expect(message.sequence).toBe(SEQUENCE)
      expect((message.tail.byteOffset - (framesOf(name)[index] as Uint8Array).byteOffset) % 8).toBe(0)
    }
  })

  it('is refused after any single-bit flip', async () => {
    for (const golden of framesOf(name)) {
      // Every bit by an ideal verifier, which takes this frame's signed bytes and signature alone: what it finds is a bit
      // that is neither checked nor signed. Some by the real one too; test/long has all of them verified for real.
      const frame = allocateFrame(golden.length)
      frame.set(golden)
      const signed = signedBytes(golden)
      const signature = signatureOf(golden)
      let asked = 0
      const ideal: Verifier = (_key, bytes, claim) => {
        asked++
        return Promise.resolve(compareBytes(claim, signature) === 0 && compareBytes(bytes, signed) === 0)
      }
      expect(await refusal(openFrame(frame, SIGNER.publicKey, ideal))).toBe('accepted')
      const codes = new Map<string, number[]>()
      // A quarter of a million refusals: nobody reads their stacks.
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 0
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const mask = 1 << (bit & 7)
        frame[bit >> 3] = (frame[bit >> 3] as number) ^ mask
        const code = await refusal(openFrame(frame, SIGNER.publicKey, ideal))
        frame[bit >> 3] = (frame[bit >> 3] as number) ^ mask
        const bits = codes.get(code)
        if (bits === undefined) codes.set(code, [bit])
        else bits.push(bit)
      }
      Error.stackTraceLimit = stackTraceLimit
      expect(codes.get('accepted') ?? []).toEqual([])
      expect(codes.get('VERSION_UNSUPPORTED')).toEqual([32, 33, 34, 35, 36, 37, 38, 39])
      expect(codes.get('FRAME_INVALID')?.slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, bit) => bit))
      // What the parser does not refuse is what the signature was asked about: all of the sequence, body and tail at least.
      expect(asked - 1).toBe(codes.get('SIGNATURE_INVALID')?.length)
      expect(asked).toBeGreaterThan((golden.length - HEADER_BYTES - 7) * 8)
      for (let bit = 0; bit < frame.length * 8; bit += 397) {
        const code = await refusal(open(flipBit(golden, bit)))
        expect(codes.get(code)?.includes(bit), `bit ${bit}`).toBe(true)
      }
    }
  })

  it('is refused truncated at any byte, and with a byte more', async () => {
    for (const frame of framesOf(name)) {
      const codes = new Set<string>()
      for (let length = 0; length < frame.length; length++) codes.add(await refusal(open(frame.subarray(0, length))))
      codes.add(await refusal(open(new Uint8Array([...frame, 0]))))
      expect([...codes]).toEqual(['FRAME_INVALID'])
    }
  })

  it('is refused above its caps by the header alone', async () => {
    const header = (bodyBytes: number, tail: number) => {
      const bytes = (framesOf(name)[0] as Uint8Array).slice(0, HEADER_BYTES)
      const view = new DataView(bytes.buffer)
      view.setUint32(8, bodyBytes, true)
      view.setUint32(12, tail, true)
      return bytes
    }
    expect(() => admitHeader(header(definition.maxBody, definition.maxTail))).not.toThrow()
    for (const [body, tail] of [
      [definition.maxBody + 1, 0],
      [0, definition.maxTail + 1],
      [0xffff_ffff, 0xffff_ffff],
    ] as const) {
      expect(await refusal((async () => admitHeader(header(body, tail)))())).toBe('FRAME_TOO_LARGE')
    }
  })

  it('is refused with a body that is not the one encoding of what was declared, however well signed', async () => {
    const optional = new Set(fieldsOf(definition.body).flatMap(([key, field]) => (isOptional(field) ? [key] : [])))
    for (const sample of samplesOf(name)) {
      const tail = tailBytes(sample.tail)
      const body = sample.body as Readonly<Record<string, unknown>>
      const encoded = encodeCanonical(body)
      const bad: Record<string, Uint8Array> = {
        empty: new Uint8Array(0),
        'not a map': encodeCanonical([1]),
        'a trailing byte': new Uint8Array([...encoded, 0]),
        'an unknown field': encodeCanonical({ ...body, zzz: 1 }),
        'a prototype field': encodeCanonical(JSON.parse(`{"__proto__":{"x":1}}`)),
        // The count raised by one and the first entry once more.
        'a duplicate key': new Uint8Array([(encoded[0] as number) + 1, ...firstEntry(body), ...encoded.subarray(1)]),
        'deep nesting': new Uint8Array(Math.min(definition.maxBody, 5000)).fill(0x81),
        // Lengths that nothing follows: a parser that believed them would allocate gigabytes.
        'a huge map': new Uint8Array([0xba, 0xff, 0xff, 0xff, 0xff]),
        'a huge list': new Uint8Array([0x9a, 0xff, 0xff, 0xff, 0xff]),
        'a huge string': new Uint8Array([0x5b, 0, 0, 0, 1, 0, 0, 0, 0]),
      }
      for (const key of Object.keys(body)) {
        bad[`${key} nested deeply`] = encodeCanonical({ ...body, [key]: [[[[[[]]]]]] })
        bad[`${key} of another type`] = encodeCanonical({ ...body, [key]: { x: -1.5 } })
        if (!optional.has(key)) {
          bad[`without ${key}`] = encodeCanonical(Object.fromEntries(Object.entries(body).filter(([k]) => k !== key)))
        }
      }
      // Signatures count as good here, as those of a peer that lies would be: only the parsing is left to refuse.
      for (const [what, bytes] of Object.entries(bad)) {
        expect(await refusal(openFrame(layRaw(name, bytes, tail), SIGNER.publicKey, credulous)), what).toMatch(
          /^FRAME_(INVALID|TOO_LARGE)$/,
        )
      }
      const badTails = [new Uint8Array(tail.length + 1), new Uint8Array(0), new Uint8Array(definition.maxTail + 1)]
      for (const other of definition.tail === 'bytes' ? badTails.slice(1) : badTails.slice(0, 1)) {
        expect(await refusal(openFrame(layRaw(name, encoded, other), SIGNER.publicKey, credulous))).toMatch(
          /^FRAME_(INVALID|TOO_LARGE)$/,
        )
      }
    }
    // And one of them signed for real.
    const raw = layRaw(name, encodeCanonical({ zzz: 1 }), tailBytes(samplesOf(name)[0]?.tail))
    raw.set(await SIGNER.sign(signedBytes(raw)), raw.length - 64)
    expect(await refusal(open(raw))).toBe('FRAME_INVALID')
  })

  it('is refused by another key, unsigned, and reflected to its sender', async () => {
    const stranger = identityFromSeed(new Uint8Array(32).fill(1))
    for (const frame of framesOf(name)) {
      expect(await refusal(openFrame(frame, stranger.publicKey, verify))).toBe('SIGNATURE_INVALID')
      const unsigned = frame.slice()
      unsigned.fill(0, frame.length - 64)
      expect(await refusal(open(unsigned))).toBe('SIGNATURE_INVALID')
      // One who claims the frame as its own in the body still needs the key's signature.
      expect(await refusal(openSelfSigned(frame, () => stranger.publicKey, verify))).toBe('SIGNATURE_INVALID')
      expect(await refusal(openSelfSigned(frame, () => undefined, verify))).toBe('PROTOCOL_VIOLATION')
    }
  })

  it('is refused in every other state, session and direction, and when it comes twice or too often', () => {
    const header = readHeader(framesOf(name)[0] as Uint8Array)
    const check = (
      state: SessionState,
      options: { session?: Uint8Array; directions?: readonly Direction[]; sequence?: number; allowed?: boolean } = {},
    ): string => {
      const receiver = createReceiver(state, {
        directions: options.directions ?? [definition.direction],
        allow: () => options.allowed ?? true,
      })
      receiver.begin(options.session ?? SESSION)
      for (let i = 0; i < 3; i++) receiver.accept({ ...header, sequence: i })
      try {
        receiver.check({ ...header, sequence: options.sequence ?? 3 }, definition)
        return 'accepted'
      } catch (error) {
        return (error as CentramError).code
      }
    }
    for (const state of STATES) {
      expect(check(state)).toBe(definition.states.includes(state) ? 'accepted' : 'PROTOCOL_VIOLATION')
    }
    const legal = definition.states[0] as SessionState
    const others = DIRECTIONS.filter((direction) => direction !== definition.direction)
    expect(check(legal, { directions: others })).toBe('PROTOCOL_VIOLATION')
    expect(check(legal, { session: new Uint8Array(16) })).toBe('PROTOCOL_VIOLATION')
    for (const sequence of [0, 1, 2]) expect(check(legal, { sequence })).toBe('REPLAYED')
    expect(check(legal, { sequence: 4 })).toBe('PROTOCOL_VIOLATION')
    expect(check(legal, { allowed: false })).toBe('RATE_LIMITED')
  })
})

describe('frame', () => {
  it('refuses padding that is not zero, even when signed', async () => {
    // A PING's body of 7 bytes leaves a byte of padding.
    const frame = framesOf('SESSION_PING')[0] as Uint8Array<ArrayBuffer>
    const { bodyBytes } = readHeader(frame)
    expect(bodyBytes % 8).not.toBe(0)
    frame[HEADER_BYTES + bodyBytes] = 1
    frame.set(await SIGNER.sign(signedBytes(frame)), frame.length - 64)
    expect(await refusal(open(frame))).toBe('FRAME_INVALID')
  })

  it('hands out the tail as a view that a Float32Array can lie on', async () => {
    const frame = framesOf('PIPE_ACTIVATION')[0] as Uint8Array<ArrayBuffer>
    const message = await open(frame)
    expect(message.tail.buffer).toBe(frame.buffer)
    expect(new Float32Array(message.tail.buffer, message.tail.byteOffset, message.tail.byteLength / 4)).toEqual(
      SAMPLES.PIPE_ACTIVATION[0]?.tail,
    )
    expect(splitFrame(frame, readHeader(frame)).tail.byteOffset).toBe(message.tail.byteOffset)
  })
})

/** The bytes of the first entry of a map in its deterministic encoding. */
function firstEntry(body: Readonly<Record<string, unknown>>): Uint8Array {
  const encodings = Object.entries(body).map(([key, value]) => encodeCanonical({ [key]: value }).subarray(1))
  const whole = toHex(encodeCanonical(body).subarray(1))
  return encodings.find((entry) => whole.startsWith(toHex(entry))) as Uint8Array
}
