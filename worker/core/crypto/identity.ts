// A node's Ed25519 identity, and the verifier of others. WebCrypto holds the private key where it can (not extractable:
// even this program cannot read it); elsewhere a seed signs in plain JavaScript.

import { CentramError } from '#core/errors.ts'
import { isStrictSignature, publicKeyOfSeed, signPlain, verifyPlain } from './ed25519.ts'
import { concatBytes, fromHex, toHex } from './bytes.ts'

export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** Whether `signature` is `publicKey`'s over `message`. Never throws: anything malformed is false. */
export type Verifier = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** The part of WebCrypto's `SubtleCrypto` used here. */
export interface Ed25519Subtle {
  generateKey(algorithm: 'Ed25519', extractable: boolean, usages: readonly ('sign' | 'verify')[]): Promise<object>
  exportKey(format: 'raw', key: object): Promise<ArrayBuffer>
  importKey(
    format: 'raw' | 'pkcs8',
    bytes: Uint8Array<ArrayBuffer>,
    algorithm: 'Ed25519',
    extractable: boolean,
    usages: readonly ('sign' | 'verify')[],
  ): Promise<object>
  sign(algorithm: 'Ed25519', key: object, bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>
  verify(
    algorithm: 'Ed25519',
    key: object,
    signature: Uint8Array<ArrayBuffer>,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<boolean>
}

/** What is kept between visits. A WebCrypto key is opaque: IndexedDB can store it, but nobody can read it. */
export type StoredIdentity =
  | { readonly kind: 'webcrypto'; readonly publicKey: Uint8Array; readonly privateKey: object }
  | { readonly kind: 'seed'; readonly publicKey: Uint8Array; readonly seed: Uint8Array }

/** RFC 8032 §7.1, test 2: asked once, to learn whether this WebCrypto knows Ed25519 and verifies rightly. */
const PROBE = {
  publicKey: fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c') as Uint8Array<ArrayBuffer>,
  message: new Uint8Array([0x72]),
  signature: fromHex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ) as Uint8Array<ArrayBuffer>,
}

const KEY_CACHE_SIZE = 1024

/** Creates a new identity: in WebCrypto when `subtle` knows Ed25519, else from a seed of `random(32)`. */
export async function generateIdentity(
  subtle: Ed25519Subtle | undefined,
  random: (length: number) => Uint8Array,
): Promise<StoredIdentity> {
  if (subtle !== undefined && (await knowsEd25519(subtle))) {
    const pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as {
      publicKey: object
      privateKey: object
    }
    const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
    return { kind: 'webcrypto', publicKey, privateKey: pair.privateKey }
  }
  const seed = random(32)
  return { kind: 'seed', publicKey: publicKeyOfSeed(seed), seed }
}

/** RFC 8410: what stands before the 32 secret bytes of an Ed25519 key in PKCS #8. */
const PKCS8_BEGIN = fromHex('302e020100300506032b657004220420') as Uint8Array<ArrayBuffer>

/** The identity of 32 secret bytes, as it is kept: from here on in WebCrypto where `subtle` knows Ed25519. */
export async function importIdentity(seed: Uint8Array, subtle: Ed25519Subtle | undefined): Promise<StoredIdentity> {
  const publicKey = publicKeyOfSeed(seed)
  if (subtle === undefined || !(await knowsEd25519(subtle))) return { kind: 'seed', publicKey, seed }
  const privateKey = await subtle.importKey('pkcs8', concatBytes(PKCS8_BEGIN, seed), 'Ed25519', false, ['sign'])
  return { kind: 'webcrypto', publicKey, privateKey }
}

/** The identity that `stored` describes. Throws `BAD_ARGUMENT` when its key needs a WebCrypto that is not there. */
export function openIdentity(stored: StoredIdentity, subtle: Ed25519Subtle | undefined): Identity {
  if (stored.kind === 'seed') return identityFromSeed(stored.seed)
  if (subtle === undefined) {
    throw new CentramError(
      'BAD_ARGUMENT',
      'This identity was made by WebCrypto, which is missing here: open the page over HTTPS or localhost as before.',
    )
  }
  return {
    publicKey: stored.publicKey,
    sign: async (bytes) => new Uint8Array(await subtle.sign('Ed25519', stored.privateKey, plainBytes(bytes))),
  }
}

/** An identity from 32 secret bytes: for tests, tools and browsers without WebCrypto's Ed25519. */
export function identityFromSeed(seed: Uint8Array): Identity {
  const publicKey = publicKeyOfSeed(seed)
  return { publicKey, sign: (bytes) => Promise.resolve(signPlain(seed, bytes)) }
}

/** The fastest strict verifier here. */
export async function createVerifier(subtle: Ed25519Subtle | undefined): Promise<Verifier> {
  return subtle !== undefined && (await knowsEd25519(subtle)) ? createSubtleVerifier(subtle) : plainVerifier
}

/** Strict verification without WebCrypto. */
export const plainVerifier: Verifier = (publicKey, message, signature) =>
  Promise.resolve(verifyPlain(publicKey, message, signature))

function createSubtleVerifier(subtle: Ed25519Subtle): Verifier {
  // Importing a key costs about as much as a verification, and frames of one peer come by the thousand.
  const keys = new Map<string, Promise<object>>()
  const keyOf = (publicKey: Uint8Array): Promise<object> => {
    const name = toHex(publicKey)
    const key = keys.get(name) ?? subtle.importKey('raw', plainBytes(publicKey), 'Ed25519', true, ['verify'])
    // What was used last is forgotten last.
    keys.delete(name)
    keys.set(name, key)
    if (keys.size > KEY_CACHE_SIZE) keys.delete(keys.keys().next().value as string)
    return key
  }
  return async (publicKey, message, signature) => {
    if (!isStrictSignature(publicKey, signature)) return false
    try {
      return await subtle.verify('Ed25519', await keyOf(publicKey), plainBytes(signature), plainBytes(message))
    } catch {
      return false
    }
  }
}

async function knowsEd25519(subtle: Ed25519Subtle): Promise<boolean> {
  try {
    const key = await subtle.importKey('raw', PROBE.publicKey, 'Ed25519', true, ['verify'])
    return await subtle.verify('Ed25519', key, PROBE.signature, PROBE.message)
  } catch {
    return false
  }
}

/** WebCrypto refuses views of shared memory: those are copied, all others pass as they are. */
function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}
