// The rooms: who is registered, who is in which room, and telling a room when that changes. Memory only; a restarted
// server learns everything again from the nodes that come back. What is at other processes comes by the cluster.

import type { Clock } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import { bytesOf, type Cluster, type Presence } from './cluster.ts'
import { serveConnection, type ConnectionOptions, type Member, type Rooms, type SignalSocket } from './connection.ts'
import { DEFAULT_LIMITS, type SignallingLimits } from './limits.ts'
import { networkOf } from './network.ts'
import { createStrikes } from './strikes.ts'
import type { Turns } from './turns.ts'

/** No room has this id, for it is a hash: who is nearby is told as if they were in it. */
const NEARBY = new Uint8Array(16)

export interface SignallingOptions {
  /** The server's own key; nodes see it, and it signs what the server says. */
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly limits?: Partial<SignallingLimits>
  readonly grantRelay?: ConnectionOptions['grantRelay']
  /** In which signatures are verified; at once without. */
  readonly turns?: Turns
  /** Other processes of the same server. */
  readonly cluster?: Cluster
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
  /** Milliseconds that this address has to wait before it may connect; 0 for most. */
  wait(address: string): number
  summary(): SignallingSummary
  close(): void
}

export function createSignalling(options: SignallingOptions): Signalling {
  const { clock, cluster } = options
  const limits: SignallingLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const members = new Map<string, Member>()
  const rooms = new Map<string, Map<string, Member>>()
  /** Nodes that let others on their network be told of them. */
  const networks = new Map<string, Map<string, Member>>()
  const connections = new Set<{ close(reason: string): void }>()
  const strikes = createStrikes(limits, () => clock.now())
  const addresses = new Map<string, { bucket: TokenBucket; connections: number }>()

  const listOf = (here: ReadonlyMap<string, Member>, group: string) => [
    ...[...here.values()].map(({ key, name, incarnation }) => ({ key, name, incarnation })),
    ...(cluster?.others(group) ?? [])
      .filter(({ id }) => !here.has(id))
      .map(({ id, name, incarnation }) => ({ key: bytesOf(id), name, incarnation: bytesOf(incarnation) })),
  ]
  const announce = (id: string) => {
    const room = rooms.get(id)
    if (room === undefined) return
    const members = listOf(room, inRoom(id)).slice(0, limits.maxRoomMembers)
    for (const member of room.values()) member.send('SIGNAL_ROOM_STATE', { room: bytesOf(id), members })
  }
  const announceNearby = (network: string) => {
    const group = networks.get(network)
    if (group === undefined) return
    const list = listOf(group, onNetwork(network)).slice(0, limits.maxNearby)
    for (const member of group.values()) member.send('SIGNAL_ROOM_STATE', { room: NEARBY, members: list })
  }
  const hide = (member: Member) => {
    member.nearby = false
    const group = networks.get(member.network)
    if (group?.get(member.id) !== member) return
    group.delete(member.id)
    cluster?.remove(onNetwork(member.network), member.id)
    if (group.size === 0) networks.delete(member.network)
    else announceNearby(member.network)
  }
  const leave = (member: Member) => {
    const id = member.room
    if (id === null) return
    member.room = null
    const room = rooms.get(id)
    // A newer connection of the same key may have taken its place.
    if (room?.get(member.id) === member) {
      room.delete(member.id)
      cluster?.remove(inRoom(id), member.id)
    }
    if (room?.size === 0) rooms.delete(id)
    else announce(id)
  }

  const service: Rooms = {
    register(member) {
      const before = members.get(member.id)
      members.set(member.id, member)
      cluster?.claim(member.id)
      if (before !== undefined) {
        hide(before)
        leave(before)
        before.end('replaced')
      }
    },
    unregister(member) {
      if (members.get(member.id) === member) {
        members.delete(member.id)
        cluster?.release(member.id)
      }
      hide(member)
      leave(member)
    },
    enter(member, bytes) {
      const id = toHex(bytes)
      const room = rooms.get(id) ?? new Map<string, Member>()
      const size = listOf(room, inRoom(id)).length
      if (size >= limits.maxRoomMembers) {
        throw new CentramError(
          'NO_CAPACITY',
          `This room already has ${size} nodes, the most it can hold: open another one.`,
        )
      }
      leave(member)
      rooms.set(id, room)
      room.set(member.id, member)
      member.room = id
      cluster?.put(inRoom(id), presenceOf(member))
      announce(id)
    },
    rename(member) {
      if (member.room === null) return
      cluster?.put(inRoom(member.room), presenceOf(member))
      announce(member.room)
    },
    leave,
    showNearby(member, nearby) {
      if (!nearby) {
        const shown = member.nearby
        hide(member)
        if (shown) member.send('SIGNAL_ROOM_STATE', { room: NEARBY, members: [] })
        return
      }
      const group = networks.get(member.network) ?? new Map<string, Member>()
      if (group.get(member.id) !== member && group.size >= limits.maxNearby) return
      member.nearby = true
      networks.set(member.network, group)
      group.set(member.id, member)
      cluster?.put(onNetwork(member.network), presenceOf(member))
      announceNearby(member.network)
    },
    companion(member, key) {
      const id = toHex(key)
      const groups = [
        ...(member.room === null ? [] : [{ here: rooms.get(member.room), name: inRoom(member.room) }]),
        ...(member.nearby ? [{ here: networks.get(member.network), name: onNetwork(member.network) }] : []),
      ]
      const here = groups.map((group) => group.here?.get(id)).find((found) => found !== undefined)
      if (here || !cluster) return here
      return { relay: (frame) => void groups.some(({ name }) => cluster.relay(name, id, frame)) }
    },
  }

  cluster?.follow({
    changed(group) {
      if (group.startsWith(ROOM)) announce(group.slice(ROOM.length))
      else announceNearby(group.slice(NETWORK.length))
    },
    replaced(id) {
      const member = members.get(id)
      if (!member) return
      service.unregister(member)
      member.end('replaced')
    },
    frame(id, frame) {
      // Checked where it came from; it is bound to its receiver, which checks again.
      if (frame.length <= limits.maxFrameBytes) members.get(id)?.relay(frame)
    },
  })

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
        network: networkOf(address),
        addressBucket: entry.bucket,
        onRefused: () => strikes.count(address),
        onClosed() {
          connections.delete(connection)
          entry.connections--
          if (entry.connections === 0) addresses.delete(address)
        },
      })
      connections.add(connection)
    },
    wait: (address) => strikes.wait(address),
    summary() {
      const roomSizes = [...rooms.values()].map((room) => room.size).sort((a, b) => b - a)
      return { connections: connections.size, peers: members.size, rooms: rooms.size, roomSizes }
    },
    close() {
      for (const connection of [...connections]) connection.close('the server is stopping')
    },
  }
}

const ROOM = 'room:'
const NETWORK = 'network:'
const inRoom = (id: string) => ROOM + id
const onNetwork = (network: string) => NETWORK + network

function presenceOf({ id, name, incarnation }: Member): Presence {
  return { id, name, incarnation: toHex(incarnation) }
}
