// The strict row of edge cases in the browser's own WebCrypto.

import { expect, it } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { createVerifier, generateIdentity, openIdentity, plainVerifier } from '#core/crypto/identity.ts'
import speccheck from '../vectors/ed25519-speccheck.json' with { type: 'json' }

const bytes = (hex: string) => fromHex(hex) as Uint8Array<ArrayBuffer>

it('gives the strict row with WebCrypto and with the plain verifier', async () => {
  const native = await createVerifier(crypto.subtle)
  expect(native).not.toBe(plainVerifier)
  for (const verify of [native, plainVerifier]) {
    let row = ''
    for (const { message, pub_key, signature } of speccheck.cases) {
      row += (await verify(bytes(pub_key), bytes(message), bytes(signature))) ? 'V' : 'X'
    }
    expect(row).toBe(speccheck.expectStrict)
  }
})

it('keeps a key that cannot be read, and that still signs after a structured clone', async () => {
  const stored = structuredClone(await generateIdentity(crypto.subtle, () => new Uint8Array(32)))
  expect(stored.kind === 'webcrypto' && (stored.privateKey as CryptoKey).extractable).toBe(false)
  const identity = openIdentity(stored, crypto.subtle)
  const message = new Uint8Array(100).fill(1)
  expect(await plainVerifier(identity.publicKey, message, await identity.sign(message))).toBe(true)
})
