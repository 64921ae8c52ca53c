// NOT a signature scheme. A stand-in with the interface of worker/core/crypto/ed25519.ts that simulations are built with,
// because a strict verification in plain JavaScript takes about two milliseconds and WebCrypto answers from other threads
// in an order that no seed decides. Signatures are keyed hashes; the secret of a public key is looked up in a table that only
// this process has. Whoever does not hold the seed cannot make one, which is all that a simulated attacker is denied.

import { createHash } from 'node:crypto'

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

const seeds = new Map<string, Uint8Array>()

const nameOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

export function isStrictSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && signature.length === SIGNATURE_BYTES
}

export function verifyPlain(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const seed = seeds.get(nameOf(publicKey))
  return seed !== undefined && nameOf(signPlain(seed, message)) === nameOf(signature)
}

export function signPlain(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update('stand-in signature').update(seed).update(message).digest())
}

export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const key = new Uint8Array(createHash('sha256').update('stand-in key').update(seed).digest())
  seeds.set(nameOf(key), seed.slice())
  return key
}
