// The six digits that two people compare before two devices trust each other. Whoever asks commits to its nonce before it sees
// the other's, so neither side, nor anyone between them, can choose the digits: a stranger is right once in a million, as in
// ZRTP (RFC 6189 §4.1.1) and Bluetooth's numeric comparison.

import { concatBytes, utf8 } from './bytes.ts'
import { sha256 } from './hash.ts'

export const PAIRING_NONCE_BYTES = 32

const COMMIT_DOMAIN = utf8('centram pairing commitment v1')
const CODE_DOMAIN = utf8('centram pairing code v1')
const CODES = 1_000_000

/** What the asker says first. */
export function commitNonce(nonce: Uint8Array): Uint8Array {
  return sha256(concatBytes(COMMIT_DOMAIN, nonce))
}

export interface PairingSide {
  /** Public key of the node. */
  readonly key: Uint8Array
  readonly nonce: Uint8Array
}

/** Six decimal digits, the same on both sides. */
export function pairingCode(asker: PairingSide, asked: PairingSide): string {
  const digest = sha256(concatBytes(CODE_DOMAIN, asker.key, asked.key, asker.nonce, asked.nonce))
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % BigInt(CODES)
  return number.toString().padStart(6, '0')
}
