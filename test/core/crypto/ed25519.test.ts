// Both verifiers give the strict row on the 12 published edge cases, and agree on honest and damaged signatures.

import { describe, expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import {
  createVerifier,
  generateIdentity,
  identityFromSeed,
  openIdentity,
  plainVerifier,
  type Ed25519Subtle,
} from '#core/crypto/identity.ts'
import { openRoom, roomId, verifyRoomProof } from '#core/crypto/room.ts'
import speccheck from '../../vectors/ed25519-speccheck.json' with { type: 'json' }

const subtle = globalThis.crypto.subtle as Ed25519Subtle
const bytes = (hex: string) => fromHex(hex) as Uint8Array<ArrayBuffer>

describe.each([
  ['WebCrypto', () => createVerifier(subtle)],
  ['plain JavaScript', () => Promise.resolve(plainVerifier)],
])('%s', (name, make) => {
  it('gives the strict row on the published edge cases', async () => {
    const verify = await make()
    expect(verify === plainVerifier).toBe(name !== 'WebCrypto')
    let row = ''
    for (const { message, pub_key, signature } of speccheck.cases)
      row += (await verify(bytes(pub_key), bytes(message), bytes(signature))) ? 'V' : 'X'
    expect(row).toBe(speccheck.expectStrict)
  })

  it('accepts an honest signature and refuses every single-bit flip of it', async () => {
    const verify = await make()
    const identity = identityFromSeed(new Uint8Array(32).fill(7))
    const message = new Uint8Array([1, 2, 3])
    const signature = await identity.sign(message)
    expect(await verify(identity.publicKey, message, signature)).toBe(true)
    for (let bit = 0; bit < 512; bit += name === 'WebCrypto' ? 1 : 13) {
      const flipped = signature.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(await verify(identity.publicKey, message, flipped), `bit ${bit}`).toBe(false)
    }
    expect(await verify(identity.publicKey, new Uint8Array([1, 2]), signature)).toBe(false)
  })

  it('answers false, not an error, for wrong lengths', async () => {
    const verify = await make()
    expect(await verify(new Uint8Array(31), new Uint8Array(1), new Uint8Array(64))).toBe(false)
    expect(await verify(new Uint8Array(32), new Uint8Array(1), new Uint8Array(63))).toBe(false)
    expect(await verify(new Uint8Array(0), new Uint8Array(0), new Uint8Array(0))).toBe(false)
  })
})

describe('identity', () => {
  it('keeps its key unreadable in WebCrypto and signs what the plain verifier accepts', async () => {
    const stored = await generateIdentity(subtle, () => new Uint8Array(32))
    expect(stored.kind).toBe('webcrypto')
    if (stored.kind !== 'webcrypto') return
    expect((stored.privateKey as CryptoKey).extractable).toBe(false)
    const identity = openIdentity(stored, subtle)
    const message = new Uint8Array(1000).fill(9)
    expect(await plainVerifier(identity.publicKey, message, await identity.sign(message))).toBe(true)
  })

  it('falls back to a seed where WebCrypto is missing or does not know Ed25519', async () => {
    const refusing = { importKey: () => Promise.reject(new Error('no')) } as unknown as Ed25519Subtle
    for (const missing of [undefined, refusing]) {
      const stored = await generateIdentity(missing, () => new Uint8Array(32).fill(3))
      expect(stored.kind).toBe('seed')
      const identity = openIdentity(stored, undefined)
      const verify = await createVerifier(subtle)
      expect(await verify(identity.publicKey, new Uint8Array(5), await identity.sign(new Uint8Array(5)))).toBe(true)
    }
  })

  it('says so when a WebCrypto key is opened where there is none', () => {
    const stored = { kind: 'webcrypto', publicKey: new Uint8Array(32), privateKey: {} } as const
    expect(() => openIdentity(stored, undefined)).toThrow(/WebCrypto/)
  })
})

describe('room', () => {
  it('proves the secret for one context and one node only', () => {
    const room = openRoom(new Uint8Array(16).fill(1))
    const node = new Uint8Array(32).fill(5)
    const context = new Uint8Array(32).fill(6)
    const proof = room.prove(context, node)
    expect(room.id).toEqual(roomId(room.publicKey))
    expect(room.id).toHaveLength(16)
    expect(verifyRoomProof(room.publicKey, context, node, proof)).toBe(true)
    expect(verifyRoomProof(room.publicKey, node, context, proof)).toBe(false)
    expect(verifyRoomProof(openRoom(new Uint8Array(16).fill(2)).publicKey, context, node, proof)).toBe(false)
  })
})
