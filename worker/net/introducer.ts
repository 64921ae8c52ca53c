// A way in: something outside the room that knows some of its nodes and hands their signals over until they are linked,
// such as the signalling server or a PeerJS broker.

import type { RoomKeys } from '#core/crypto/room.ts'
import type { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'

export interface WayIn {
  readonly kind: 'server' | 'broker'
  readonly url: string
}

/** `idle`: it is used only once there is a room. */
export type WayState = 'idle' | 'connecting' | 'open' | 'closed'

/** A node as it is told of; its incarnation is new at each start. */
export type RoomMember = BodyOf<'SIGNAL_ROOM_STATE'>['members'][number]

export interface EnteredRoom {
  readonly keys: RoomKeys
  readonly secret: Uint8Array
}

export interface Introducer {
  /** What this node is called there, where that is not its key. */
  readonly id?: string | undefined
  /** Enters a room under a name, now and after every reconnection; null leaves it. */
  enter(room: EnteredRoom | null, name: string): void
  /** Hands a signed signal over to the node it is for; false when that is not possible now. */
  relay(frame: Uint8Array, to: Uint8Array): boolean
  /** Whether others on the same network may be told of this node, and it of them; where the way can tell. */
  showNearby?(on: boolean): void
  /** Tries at once instead of after the present pause. */
  retry(): void
  close(): void
}

export interface IntroducerEvents {
  onState(state: WayState, reason?: string): void
  /** Everyone whom it knows in the room now, this node perhaps among them. */
  onMembers(members: readonly RoomMember[]): void
  /** Everyone on the same network who lets it be told. */
  onNearby(members: readonly RoomMember[]): void
  /** A signal for this node as it came; whoever takes it verifies it. */
  onSignal(frame: Uint8Array): void
  /** Something was refused but the way stays open (a full room). */
  onRefused(error: CentramError): void
}
