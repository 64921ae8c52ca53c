// The nodes of a room as one sees them from here. Wires who is in the room (membership), the links with them (link keeper),
// how signals get to them before they are linked (ways in, routes) and the handlers of what they send. Links outlive the
// ways they came by.

import type { Clock } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { openRoom, ROOM_SECRET_BYTES } from '#core/crypto/room.ts'
import { CentramError, type ErrorCode } from '#core/errors.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import { dispatch } from './dispatch.ts'
import { createHandlerTable, type PeerHandler } from './handler-table.ts'
import type { EnteredRoom, RoomMember, WayIn, WayState } from './introducer.ts'
import { createLinkKeeper } from './link-keeper.ts'
import type { LinkPath, LinkTransport } from './link-transport.ts'
import { createListeners } from './listeners.ts'
import { createMembership, RECORDS } from './membership.ts'
import type { PeerRefusal } from './session.ts'
import { createNearbyLinks, type NearbyLinks } from './nearby-links.ts'
import { createSignalRoutes } from './signal-routes.ts'
import type { SocketFactory } from './signalling-client.ts'
import { createWays, type WaysOptions, type WayStatus } from './ways.ts'

export interface SwarmOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly transport: LinkTransport
  readonly connect: SocketFactory
  /** Of the signalling server; absent when there is none. `useWays` sets more. */
  readonly serverUrl?: string
  readonly clock: Clock
  /** Cryptographically strong. */
  readonly random: (length: number) => Uint8Array
  /** Throws for a key that no session may begin with. */
  readonly requireKey?: ((key: Uint8Array) => void) | undefined
  /** What this node calls itself. */
  readonly name: string
  /** A server lends its TURN relays. */
  readonly onRelay?: WaysOptions['onRelay']
  /** A handler took a message without objection. */
  readonly onHandled?: (name: PeerMessageName) => void
}

export interface SwarmPeer {
  /** Public key, hex. */
  readonly id: string
  readonly key: Uint8Array
  readonly name: string
  readonly link: 'connecting' | 'open' | 'interrupted'
  /** Null until it is known. */
  readonly path: LinkPath | null
  readonly roundTripMs: number | null
  /** One, and more while bulk goes over several. */
  readonly connections: number
}

/** Why a peer whose link was open is gone. */
export interface PeerLoss {
  readonly code: ErrorCode
  readonly message: string
  /** What it said itself; `leaving` means that it left the room. */
  readonly goodbye?: BodyOf<'SESSION_GOODBYE'>['reason']
}

export interface Swarm {
  /** This node's public key, hex. */
  readonly id: string
  readonly room: (EnteredRoom & { readonly id: Uint8Array }) | null
  /** This run of the node: 16 bytes, new at every start. */
  readonly incarnation: Uint8Array
  /** How the server that the page came from is. */
  readonly server: { readonly state: 'none' | Exclude<WayState, 'idle'>; readonly reason?: string }
  /** The server and all other ways in, with how they are. */
  ways(): readonly WayStatus[]
  /** Uses these besides the server: opens what is new, closes what is no longer named. */
  useWays(ways: readonly WayIn[]): void
  /** Who else is in the room as nodes of it signed: counts beside what the ways in tell. */
  tellRecords(members: readonly RoomMember[]): void
  /** A neighbour told whom it is linked with: signals to them may go through it. */
  tellReach(peer: string, others: ReadonlySet<string>): void
  /** Nodes on the same network, and links to them before they share a room; only while `showNearby` is on. */
  readonly nearby: Pick<NearbyLinks, 'nodes' | 'listen' | 'open'>
  /** Lets a server tell others on the same network of this node, and this node of them. */
  showNearby(on: boolean): void
  /** Everyone whom a neighbour is linked with, as they told. */
  reached(): ReadonlySet<string>
  /** Enters the room of that secret (16 bytes), leaving the present one. */
  join(secret: Uint8Array): void
  leave(): void
  rename(name: string): void
  /** Connects to the ways in at once instead of after the present pause. */
  retryServer(): void

  /** Everyone in the room and everyone still linked, in order of id. */
  peers(): readonly SwarmPeer[]
  /** Any change of `peers()` (round trips excepted), `room` or `server`. */
  onChange(listener: () => void): () => void
  /** The node leaves its room, or goes to another: the last that can be said to those who are in it. */
  onLeaving(listener: () => void): () => void
  onPeerOpen(listener: (peer: string) => void): () => void
  /** The peer fell silent for 2.5 s or its link broke for now; or (false) it is back. Answers in flight need not wait. */
  onPeerInterrupted(listener: (peer: string, interrupted: boolean) => void): () => void
  /** A link that was open is gone for good; the peer may come back by a new one. */
  onPeerLost(listener: (peer: string, loss: PeerLoss) => void): () => void
  /** A peer did not take a message of ours: `NOT_OFFERED` where it has no handler for it. */
  onPeerRefused(listener: (peer: string, refusal: PeerRefusal) => void): () => void
  /** A connection of a peer's broke that only carried bulk: what was on its way, in either direction, may not arrive. */
  onBulkLost(listener: (peer: string) => void): () => void
  /** The server refused something, such as a full room. */
  onRefused(listener: (error: CentramError) => void): () => void

  /** Queues a message. Throws `PEER_LEFT` without an open link, `NO_CAPACITY`, `BAD_ARGUMENT`, `FRAME_TOO_LARGE`. */
  send<Name extends PeerMessageName>(peer: string, name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  /** Resolves when there is room for more bulk; rejects when the peer is lost. To be awaited before each bulk message. */
  drained(peer: string): Promise<void>
  /**
   * Sets the one handler of a message; what has none is answered `NOT_OFFERED`. What it throws is told to the peer; `PROTOCOL_VIOLATION` and `FRAME_INVALID` end
   * the link. The tail is a view of the received bytes and may be kept.
   */
  handle<Name extends PeerMessageName>(name: Name, handler: PeerHandler<Name>): () => void
  /** Ends the link with a peer that broke the rules; it is not spoken to for a while, longer each time. */
  putOut(peer: string, error: CentramError): void
  /** Says goodbye to all and stops. */
  close(): void
}

export function createSwarm(options: SwarmOptions): Swarm {
  const { identity, clock, serverUrl } = options
  const self = toHex(identity.publicKey)
  const incarnation = options.random(16)
  const handlers = createHandlerTable()
  const changeListeners = createListeners<[]>()
  const leavingListeners = createListeners<[]>()
  const openListeners = createListeners<[string]>()
  const interruptedListeners = createListeners<[string, boolean]>()
  const lostListeners = createListeners<[string, PeerLoss]>()
  const peerRefusedListeners = createListeners<[string, PeerRefusal]>()
  const bulkLostListeners = createListeners<[string]>()
  const refusedListeners = createListeners<[CentramError]>()
  let room: Swarm['room'] = null
  let displayName = options.name
  let shown = false
  let closed = false

  const membership = createMembership(identity.publicKey, () => {
    keeper.follow()
    for (const id of membership.all().keys()) routes.known(id)
  })
  const keeper = createLinkKeeper({
    ...options,
    room: () => room?.keys ?? null,
    membership,
    routes: (id) => routes.to(id),
    signal: (record, frame) => void routes.send(record, frame),
    otherLink: (name) => nearby.named(name),
    events: {
      onChange: () => changeListeners.call(),
      onOpen: (peer) => openListeners.call(peer),
      onMessage: (peer, link, message) => dispatch(handlers, peer, link, message, options.onHandled),
      onPassedOn: (peer, frame) => routes.receive(`peer ${peer}`, frame),
      onRefused: (peer, refusal) => peerRefusedListeners.call(peer, refusal),
      onInterrupted: (peer, interrupted) => interruptedListeners.call(peer, interrupted),
      onBulkLost: (peer) => bulkLostListeners.call(peer),
      onLost(peer, { code, message, goodbye }) {
        routes.forget(peer)
        keeper.beginAgain(`peer ${peer}`)
        lostListeners.call(peer, goodbye === undefined ? { code, message } : { code, message, goodbye })
        // It left, or nobody is there through whom it could be met again: ways in that are away tell nothing new.
        if (goodbye === 'leaving' || routes.to(peer).length === 0) membership.left(peer)
      },
    },
  })
  const ways = createWays({
    ...options,
    incarnation,
    onState({ kind, url, state }) {
      if (state === 'closed') nearby.tell(url, [])
      changeListeners.call()
      if (state !== 'open') return
      if (kind === 'server') keeper.beginAgain(`way ${url}`)
      keeper.begin()
    },
    onMembers: ({ url }, members) => membership.tell(url, members),
    onNearby: ({ url }, members) => nearby.tell(url, members),
    onSignal: ({ url }, frame) => routes.receive(`way ${url}`, frame),
    onRefused: (error) => refusedListeners.call(error),
  })
  const routes = createSignalRoutes({
    self,
    verifier: options.verifier,
    clock,
    ways: () => ways.list(),
    knows: (way, id) => membership.tells(way, id),
    record: (id) => keeper.records.get(id),
    relay: (way, frame, to) => ways.relay(way, frame, to),
    onSignal: (signal, route) => keeper.takeSignal(signal, route),
    isNearby: (id) => nearby.knows(id),
    // A member links as a member, unless they are pairing already.
    takeNearby: (signal, way) =>
      (!keeper.records.has(signal.from) || nearby.named(toHex(signal.link)) !== undefined) &&
      nearby.takeSignal(signal, way),
  })
  const nearby = createNearbyLinks({
    ...options,
    relay: (way, frame, to) => ways.relay(way, frame, to),
    onChange: () => changeListeners.call(),
  })
  const home: readonly WayIn[] = serverUrl === undefined ? [] : [{ kind: 'server', url: serverUrl }]
  ways.use(home)

  const leaveRoom = () => {
    // Of a node that is stopped nothing more is expected, and it may be back at once.
    if (room !== null && !closed) leavingListeners.call()
    room = null
    keeper.leave()
    membership.clear()
    routes.close()
  }

  return {
    id: self,
    incarnation,
    get room() {
      return room
    },
    get server(): Swarm['server'] {
      const way = ways.list().find(({ url }) => url === serverUrl)
      if (way === undefined || way.state === 'idle') return { state: 'none' }
      return way.reason === undefined ? { state: way.state } : { state: way.state, reason: way.reason }
    },
    ways: () => ways.list(),
    useWays(wanted) {
      ways.use([...home, ...wanted])
      const urls = new Set(ways.list().map(({ url }) => url))
      membership.keep((source) => source === RECORDS || urls.has(source))
      changeListeners.call()
    },
    tellRecords: (members) => membership.tell(RECORDS, members),
    tellReach(peer, others) {
      routes.tellReach(peer, others)
      keeper.begin()
    },
    nearby,
    showNearby(on) {
      shown = on
      // Others are told a name, also without a room.
      if (on) ways.enter(room, displayName)
      ways.showNearby(on)
      if (!on) nearby.close()
    },
    reached: () => routes.reached(),
    join(secret) {
      if (secret.length !== ROOM_SECRET_BYTES) {
        throw new CentramError('BAD_ARGUMENT', `A room's secret has ${ROOM_SECRET_BYTES} bytes, not ${secret.length}.`)
      }
      if (room !== null && equalBytes(room.secret, secret)) return
      leaveRoom()
      const keys = openRoom(secret)
      room = { id: keys.id, keys, secret: secret.slice() }
      ways.enter(room, displayName)
      changeListeners.call()
    },
    leave() {
      leaveRoom()
      ways.enter(null, displayName)
      changeListeners.call()
    },
    rename(name) {
      displayName = name
      if (room !== null || shown) ways.enter(room, name)
    },
    retryServer: () => ways.retry(),
    peers: () =>
      [...keeper.records.values()]
        .map((record): SwarmPeer => {
          const state = record.link?.state ?? 'connecting'
          return {
            id: record.id,
            key: record.key,
            name: record.name,
            link: state === 'ended' ? 'connecting' : state,
            path: record.link?.path ?? null,
            roundTripMs: record.link?.session?.roundTripMs ?? null,
            connections: 1 + (record.lanes?.open ?? 0),
          }
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    onChange: changeListeners.add,
    onLeaving: leavingListeners.add,
    onPeerOpen: openListeners.add,
    onPeerInterrupted: interruptedListeners.add,
    onPeerLost: lostListeners.add,
    onPeerRefused: peerRefusedListeners.add,
    onBulkLost: bulkLostListeners.add,
    onRefused: refusedListeners.add,
    send(peer, name, body, tail) {
      openLanes(peer).send(name, body, tail)
    },
    async drained(peer) {
      await openLanes(peer).drained()
    },
    handle: handlers.set,
    putOut(peer, { code, message }) {
      keeper.records.get(peer)?.link?.end('replaced', { code, message, by: 'refused' })
    },
    close() {
      if (closed) return
      closed = true
      leaveRoom()
      keeper.close()
      nearby.close()
      ways.close()
    },
  }

  function openLanes(peer: string) {
    const { link, lanes } = keeper.records.get(peer) ?? {}
    if (link?.session?.state === 'open' && lanes) return lanes
    throw new CentramError('PEER_LEFT', `There is no open link to node ${peer.slice(0, 8)}.`)
  }
}
