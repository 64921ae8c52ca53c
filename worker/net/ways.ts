// The ways into the room that are in use: opened and closed as a person sets them, each told of the room.

import type { Clock } from '#core/clock.ts'
import { createBrokerClient } from './broker-client.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import type { CentramError } from '#core/errors.ts'
import type { EnteredRoom, Introducer, IntroducerEvents, RoomMember, WayIn, WayState } from './introducer.ts'
import { createSignallingClient, type SignallingClientOptions, type SocketFactory } from './signalling-client.ts'

export interface WayStatus extends WayIn {
  readonly state: WayState
  readonly reason?: string
  /** What this node is called there, where that is not its key. */
  readonly id?: string
}

export interface WaysOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly connect: SocketFactory
  /** 16 bytes, new at every start of the node. */
  readonly incarnation: Uint8Array
  readonly onState: (way: WayStatus) => void
  readonly onMembers: (way: WayIn, members: readonly RoomMember[]) => void
  readonly onNearby: (way: WayIn, members: readonly RoomMember[]) => void
  readonly onSignal: (way: WayIn, frame: Uint8Array) => void
  readonly onRefused: (error: CentramError) => void
  readonly onRelay?: SignallingClientOptions['onRelay']
}

export interface Ways {
  list(): readonly WayStatus[]
  /** Opens the ways that are new in `wanted` and closes those that are no longer. */
  use(wanted: readonly WayIn[]): void
  enter(room: EnteredRoom | null, name: string): void
  showNearby(on: boolean): void
  relay(url: string, frame: Uint8Array, to: Uint8Array): boolean
  retry(): void
  close(): void
}

export function createWays(options: WaysOptions): Ways {
  const open = new Map<string, { introducer: Introducer; status: WayStatus }>()
  let nearby = false
  let entered: { readonly room: EnteredRoom | null; readonly name: string } | null = null

  const start = (way: WayIn) => {
    let early: WayStatus = { ...way, state: 'connecting' }
    const events: IntroducerEvents = {
      onState(state, reason) {
        const status = reason === undefined ? { ...way, state } : { ...way, state, reason }
        const entry = open.get(way.url)
        if (entry === undefined) early = status
        else entry.status = status
        options.onState(status)
      },
      onMembers: (members) => options.onMembers(way, members),
      onNearby: (members) => options.onNearby(way, members),
      onSignal: (frame) => options.onSignal(way, frame),
      onRefused: options.onRefused,
    }
    const introducer =
      way.kind === 'server'
        ? createServerWay(way.url, options, events)
        : createBrokerClient({ ...options, url: way.url, events })
    open.set(way.url, { introducer, status: early })
    if (entered !== null) introducer.enter(entered.room, entered.name)
    if (nearby) introducer.showNearby?.(true)
  }

  return {
    list: () =>
      [...open.values()].map(({ status, introducer: { id } }) => (id === undefined ? status : { ...status, id })),
    use(wanted) {
      for (const [url, { introducer }] of open) {
        if (wanted.some((way) => way.url === url)) continue
        open.delete(url)
        introducer.close()
      }
      for (const way of wanted) if (!open.has(way.url)) start(way)
    },
    enter(room, name) {
      entered = { room, name }
      for (const { introducer } of open.values()) introducer.enter(room, name)
    },
    showNearby(on) {
      nearby = on
      for (const { introducer } of open.values()) introducer.showNearby?.(on)
    },
    relay: (url, frame, to) => open.get(url)?.introducer.relay(frame, to) ?? false,
    retry() {
      for (const { introducer } of open.values()) introducer.retry()
    },
    close() {
      for (const { introducer } of open.values()) introducer.close()
      open.clear()
    },
  }
}

function createServerWay(url: string, options: WaysOptions, events: IntroducerEvents): Introducer {
  let room: EnteredRoom | null = null
  const client = createSignallingClient({
    ...options,
    url,
    onState: (state, reason) => events.onState(state, reason),
    onRoom(id, members) {
      if (room !== null && equalBytes(id, room.keys.id)) events.onMembers(members)
    },
    onNearby: (members) => events.onNearby(members),
    onRelayed: (frame) => events.onSignal(frame),
    onRefused: (error) => events.onRefused(error),
  })
  return {
    enter(value, name) {
      room = value
      client.enter(value?.keys ?? null, name)
    },
    showNearby: (on) => client.showNearby(on),
    relay: (frame) => client.relay(frame),
    retry: () => client.retry(),
    close: () => client.close(),
  }
}
