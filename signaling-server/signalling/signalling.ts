// The rooms: who is registered, who is in which room, and telling a room when that changes. Memory only; a restarted
// server learns everything again from the nodes that come back.

import type { Clock } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import { serveConnection, type Member, type Rooms, type SignalSocket } from './connection.ts'
import { DEFAULT_LIMITS, type SignallingLimits } from './limits.ts'

export interface SignallingOptions {
  /** The server's own key; nodes see it, and it signs what the server says. */
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly limits?: Partial<SignallingLimits>
}

/** What may be told about the rooms without telling which rooms there are. */
export interface SignallingSummary {
  readonly connections: number
  readonly peers: number
  readonly rooms: number
  /** Members of each room, largest first. */
  readonly roomSizes: readonly number[]
}

export interface Signalling {
  /** Serves one WebSocket until it closes. `address` is the client's, for the limits. */
  accept(socket: SignalSocket, address: string): void
  summary(): SignallingSummary
  close(): void
}

export function createSignalling(options: SignallingOptions): Signalling {
  const { clock } = options
  const limits: SignallingLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const members = new Map<string, Member>()
  const rooms = new Map<string, Map<string, Member>>()
  const connections = new Set<{ close(reason: string): void }>()
  const addresses = new Map<string, { bucket: TokenBucket; connections: number }>()

  const announce = (id: string) => {
    const room = rooms.get(id)
    if (room === undefined) return
    const list = [...room.values()].map(({ key, name, incarnation }) => ({ key, name, incarnation }))
    for (const member of room.values()) member.send('SIGNAL_ROOM_STATE', { room: roomBytes(id), members: list })
  }
  const leave = (member: Member) => {
    const id = member.room
    if (id === null) return
    member.room = null
    const room = rooms.get(id)
    // A newer connection of the same key may have taken its place.
    if (room?.get(member.id) === member) room.delete(member.id)
    if (room?.size === 0) rooms.delete(id)
    else announce(id)
  }

  const service: Rooms = {
    register(member) {
      const before = members.get(member.id)
      members.set(member.id, member)
      if (before !== undefined) {
        leave(before)
        before.end('replaced')
      }
    },
    unregister(member) {
      if (members.get(member.id) === member) members.delete(member.id)
      leave(member)
    },
    enter(member, bytes) {
      const id = toHex(bytes)
      const room = rooms.get(id) ?? new Map<string, Member>()
      if (room.size >= limits.maxRoomMembers) {
        throw new CentramError(
          'NO_CAPACITY',
          `This room already has ${room.size} nodes, the most it can hold: open another one.`,
        )
      }
      leave(member)
      rooms.set(id, room)
      room.set(member.id, member)
      member.room = id
      announce(id)
    },
    rename(member) {
      if (member.room !== null) announce(member.room)
    },
    leave,
    companion(member, key) {
      return member.room === null ? undefined : rooms.get(member.room)?.get(toHex(key))
    },
  }

  return {
    accept(socket, address) {
      const entry = addresses.get(address) ?? {
        bucket: createTokenBucket(limits.addressRate, clock.now()),
        connections: 0,
      }
      if (connections.size >= limits.maxConnections || entry.connections >= limits.maxConnectionsPerAddress) {
        socket.close('too many connections: try again later')
        return
      }
      entry.connections++
      addresses.set(address, entry)
      const connection = serveConnection({
        ...options,
        socket,
        limits,
        rooms: service,
        addressBucket: entry.bucket,
        onClosed() {
          connections.delete(connection)
          entry.connections--
          if (entry.connections === 0) addresses.delete(address)
        },
      })
      connections.add(connection)
    },
    summary() {
      const roomSizes = [...rooms.values()].map((room) => room.size).sort((a, b) => b - a)
      return { connections: connections.size, peers: members.size, rooms: rooms.size, roomSizes }
    },
    close() {
      for (const connection of [...connections]) connection.close('the server is stopping')
    },
  }
}

function roomBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
