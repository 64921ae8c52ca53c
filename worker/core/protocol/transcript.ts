// What both ends of a conversation must have seen alike before they trust it. Its hash names the session, so that every
// later frame, which carries that name under its signature, is bound to both keys, both nonces and both certificates.

import { concatBytes, utf8 } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { SESSION_ID_BYTES } from './frame.ts'

const LINK_DOMAIN = utf8('centram link transcript v1')
const SERVER_DOMAIN = utf8('centram server transcript v1')

export interface LinkTranscript {
  /** The frames as sent, signatures included. */
  readonly hello: Uint8Array
  readonly helloAck: Uint8Array
  /** SHA-256 of the DTLS certificates; zeros where there is no DTLS. */
  readonly initiatorFingerprint: Uint8Array
  readonly responderFingerprint: Uint8Array
}

/** 32 bytes. */
export function linkTranscript(parts: LinkTranscript): Uint8Array {
  // Each frame is hashed by itself, so that no byte can move from one part to the next.
  return sha256(
    concatBytes(
      LINK_DOMAIN,
      sha256(parts.hello),
      sha256(parts.helloAck),
      sha256(parts.initiatorFingerprint),
      sha256(parts.responderFingerprint),
    ),
  )
}

/** 32 bytes, over the server's CHALLENGE and the node's REGISTER as sent. */
export function serverTranscript(challenge: Uint8Array, register: Uint8Array): Uint8Array {
  return sha256(concatBytes(SERVER_DOMAIN, sha256(challenge), sha256(register)))
}

export function sessionIdOf(transcript: Uint8Array): Uint8Array {
  return transcript.slice(0, SESSION_ID_BYTES)
}
