// Several server processes as one, seen from the signalling: who is in a group (a room, or the devices of one network) at other
// processes, and a way to pass frames there. One process by itself needs none of it.

import { fromHex } from '#core/crypto/bytes.ts'

/** A node as others of its group are told of it. */
export interface Presence {
  /** Public key, hex. */
  readonly id: string
  readonly name: string
  /** Hex. */
  readonly incarnation: string
}

export interface ClusterEvents {
  /** Somebody came to a group, left it or changed its name, at another process. */
  changed(group: string): void
  /** The node registered at another process a moment ago: whoever it is here is not it any more. */
  replaced(id: string): void
  /** A frame for a node that is connected here. */
  frame(id: string, frame: Uint8Array): void
}

export interface Cluster {
  /** Where to tell what happens elsewhere; once, before anything else. */
  follow(events: ClusterEvents): void
  /** The node is connected to this process from now on. */
  claim(id: string): void
  release(id: string): void
  /** Says that a node of this process is in the group, under this name. */
  put(group: string, presence: Presence): void
  remove(group: string, id: string): void
  /** Those of other processes, as far as was heard. */
  others(group: string): readonly Presence[]
  /** Passes a frame to a node of the group that another process holds; false where none is known. */
  relay(group: string, id: string, frame: Uint8Array): boolean
  close(): Promise<void>
}

/** Of ids and keys that were checked to be hex; throws for anything else. */
export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(hex)
  if (!bytes) throw new RangeError(`“${hex.slice(0, 80)}” is no hex.`)
  return bytes
}
