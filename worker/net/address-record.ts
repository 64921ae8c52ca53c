// A node's own word on where it can be met, signed by it and proven to be of the room: what makes a member of a room known
// to nodes that it is not linked with, however the word gets there.

import { concatBytes, toHex, utf8 } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { verifyRoomProof, type RoomKeys } from '#core/crypto/room.ts'
import { PEER_ADDRESSES } from '#core/protocol/messages/peer.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '#core/protocol/signed-object.ts'

export type SignedRecord = BodyOf<'PEER_RECORD'>
export type Addresses = ObjectOf<typeof PEER_ADDRESSES>
export type Address = Addresses['addresses'][number]

export interface AddressRecord {
  /** Public key of the node, hex. */
  readonly id: string
  readonly addresses: Addresses
  readonly signed: SignedRecord
}

const PROOF_DOMAIN = utf8('centram room member v1')

export async function signRecord(
  fields: Omit<Addresses, 'node' | 'proof'>,
  room: RoomKeys,
  identity: Identity,
): Promise<AddressRecord> {
  const node = identity.publicKey
  const addresses = { ...fields, node, proof: room.prove(proofContext(fields.incarnation), node) }
  const record = encodeObject(PEER_ADDRESSES, addresses)
  const signature = await signObject(PEER_ADDRESSES, record, identity)
  return { id: toHex(node), addresses, signed: { record, signature } }
}

/** Null for a record that its node did not sign, or that is of no member of this room. Never throws. */
export async function openRecord(
  signed: SignedRecord,
  room: RoomKeys,
  verify: Verifier,
): Promise<AddressRecord | null> {
  try {
    const addresses = readObject(PEER_ADDRESSES, signed.record)
    const { node, incarnation, proof } = addresses
    if (!(await verifyObject(PEER_ADDRESSES, signed.record, node, signed.signature, verify))) return null
    if (!verifyRoomProof(room.publicKey, proofContext(incarnation), node, proof)) return null
    return { id: toHex(node), addresses, signed }
  } catch {
    return null
  }
}

function proofContext(incarnation: Uint8Array): Uint8Array {
  return concatBytes(PROOF_DOMAIN, incarnation)
}
