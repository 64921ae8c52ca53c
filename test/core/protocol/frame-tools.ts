// What the protocol's tests share: the signer of the golden frames in WebCrypto, flipped bits, and codes of refusals.

import { concatBytes, fromHex } from '#core/crypto/bytes.ts'
import { publicKeyOfSeed } from '#core/crypto/ed25519.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { SEED } from '../../vectors/protocol/samples.ts'

/** DER in front of an Ed25519 seed in PKCS #8 (RFC 8410 §7). */
const PKCS8_PREFIX = fromHex('302e020100300506032b657004220420') as Uint8Array

/** The golden frames were made by another implementation (@noble/ed25519), so equal bytes check both. */
export const importSigner = (): Promise<Identity> => importIdentity(SEED)

/** The identity of a seed, in WebCrypto. */
export async function importIdentity(seed: Uint8Array): Promise<Identity> {
  const { subtle } = globalThis.crypto
  const key = await subtle.importKey('pkcs8', concatBytes(PKCS8_PREFIX, seed), 'Ed25519', false, ['sign'])
  return {
    publicKey: publicKeyOfSeed(seed),
    sign: async (bytes) => new Uint8Array(await subtle.sign('Ed25519', key, bytes as Uint8Array<ArrayBuffer>)),
  }
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
  return flipped
}

/** The code that `work` was refused with, or `accepted`; anything but a coded error is a bug and is thrown. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof CentramError) return error.code
    throw error
  }
  return 'accepted'
}
