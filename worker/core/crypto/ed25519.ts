// Ed25519 (RFC 8032) with one strict rule for every platform: what WebCrypto implementations disagree on (small-order
// keys, non-canonical encodings, S not below the group order) is refused before any of them is asked, and the equation is
// the cofactorless one, so that either verifier gives the same answer for the same bytes.

import { hashes, Point, sign, getPublicKey } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, fromHex } from './bytes.ts'

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

hashes.sha512 = (message) => sha512(message)

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** y coordinates (little-endian) of the eight points whose order divides the cofactor. */
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((hex) => fromHex(hex) as Uint8Array)

/** Whether 32 bytes can be a point's canonical encoding (y below 2^255 - 19) outside the small-order subgroup. */
function isAcceptablePoint(encoded: Uint8Array): boolean {
  const y = encoded.slice()
  y[31] = (y[31] as number) & 0x7f
  // 2^255 - 19 is ed ff … ff 7f: a y at or above it ends in 7f, is all ff between, and begins with ed or more.
  if (y[31] === 0x7f && (y[0] as number) >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff)) return false
  return !SMALL_ORDER_Y.some((small) => equalBytes(small, y))
}

function readScalar(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

/** The checks every verifier makes before it looks at the message. */
export function isStrictSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === PUBLIC_KEY_BYTES &&
    signature.length === SIGNATURE_BYTES &&
    isAcceptablePoint(publicKey) &&
    isAcceptablePoint(signature.subarray(0, 32)) &&
    readScalar(signature.subarray(32)) < ORDER
  )
}

/** Strict verification in plain JavaScript, for where WebCrypto has no Ed25519. A few milliseconds. */
export function verifyPlain(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrictSignature(publicKey, signature)) return false
  const encodedR = signature.subarray(0, 32)
  try {
    const a = Point.fromBytes(publicKey, false)
    const s = readScalar(signature.subarray(32))
    const k = readScalar(sha512(concatBytes(encodedR, publicKey, message))) % ORDER
    // Cofactorless, as WebCrypto's implementations do it: R = S·B - k·A, compared as bytes.
    const r = Point.BASE.multiply(s, false).subtract(a.multiply(k, false))
    return equalBytes(r.toBytes(), encodedR)
  } catch {
    return false
  }
}

export function signPlain(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return sign(message, seed)
}

export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  return getPublicKey(seed)
}
