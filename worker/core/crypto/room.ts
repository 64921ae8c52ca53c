// A room's keys, all from the 16 secret bytes its invite carries. The server learns the room's id and public key, so it
// can check that who joins holds the invite, but it cannot make such a proof itself.

import { concatBytes, utf8 } from './bytes.ts'
import { publicKeyOfSeed, signPlain, verifyPlain } from './ed25519.ts'
import { sha256 } from './hash.ts'

export const ROOM_SECRET_BYTES = 16
export const ROOM_ID_BYTES = 16

const SEED_DOMAIN = utf8('centram room key v1')
const ID_DOMAIN = utf8('centram room id v1')
const PROOF_DOMAIN = utf8('centram room proof v1')

export interface RoomKeys {
  /** 128 bits, the hash of the public key. */
  readonly id: Uint8Array
  readonly publicKey: Uint8Array
  /** Shows that this node holds the secret, for one context only (a session's transcript, a server's challenge). */
  prove(context: Uint8Array, nodeKey: Uint8Array): Uint8Array
}

export function openRoom(secret: Uint8Array): RoomKeys {
  const seed = sha256(SEED_DOMAIN, secret)
  const publicKey = publicKeyOfSeed(seed)
  return {
    id: roomId(publicKey),
    publicKey,
    prove: (context, nodeKey) => signPlain(seed, roomProofMessage(context, nodeKey)),
  }
}

export function roomId(publicKey: Uint8Array): Uint8Array {
  return sha256(ID_DOMAIN, publicKey).slice(0, ROOM_ID_BYTES)
}

export function verifyRoomProof(
  publicKey: Uint8Array,
  context: Uint8Array,
  nodeKey: Uint8Array,
  proof: Uint8Array,
): boolean {
  return verifyPlain(publicKey, roomProofMessage(context, nodeKey), proof)
}

/** What a proof signs with the room's key. */
export function roomProofMessage(context: Uint8Array, nodeKey: Uint8Array): Uint8Array {
  return concatBytes(PROOF_DOMAIN, nodeKey, context)
}
