// The nodes of a room as one sees them from here: a link to every other one, kept up, replaced when a node comes back, and
// given up when it is gone. The server only introduces; links outlive it.

import type { Clock } from '#core/clock.ts'
import { compareBytes, equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { openRoom, ROOM_SECRET_BYTES, type RoomKeys } from '#core/crypto/room.ts'
import { CentramError, errorCode, type ErrorCode } from '#core/errors.ts'
import type { BodyOf, PeerMessageName } from '#core/protocol/registry.ts'
import { createHandlerTable, type PeerHandler } from './handler-table.ts'
import type { LinkTransport } from './link-transport.ts'
import { createListeners } from './listeners.ts'
import { createPeerLink, type PeerLink } from './peer-link.ts'
import { createPeerRecord, nextPause, noteEnd, type PeerRecord } from './peer-record.ts'
import { createPeerSignals, type PeerSignal } from './peer-signals.ts'
import type { PeerMessage, PeerRefusal, SessionEnd } from './session.ts'
import {
  createSignallingClient,
  type RoomMember,
  type ServerState,
  type SignallingClient,
  type SocketFactory,
} from './signalling-client.ts'

/** Links of one node, at most: a full mesh of 16. */
export const MAX_LINKS = 15
/** Ended links whose names are remembered, so that an old offer cannot open them again. */
const MAX_PAST_LINKS = 256

export interface SwarmOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly transport: LinkTransport
  readonly connect: SocketFactory
  /** Of the signalling server; absent when there is none. */
  readonly serverUrl?: string
  readonly clock: Clock
  /** Cryptographically strong. */
  readonly random: (length: number) => Uint8Array
  /** What this node calls itself. */
  readonly name: string
}

export interface SwarmPeer {
  /** Public key, hex. */
  readonly id: string
  readonly key: Uint8Array
  readonly name: string
  readonly link: 'connecting' | 'open' | 'interrupted'
  readonly roundTripMs: number | null
}

/** Why a peer whose link was open is gone. */
export interface PeerLoss {
  readonly code: ErrorCode
  readonly message: string
}

export interface Swarm {
  /** This node's public key, hex. */
  readonly id: string
  readonly room: { readonly id: Uint8Array; readonly secret: Uint8Array } | null
  readonly server: { readonly state: ServerState; readonly reason?: string }
  /** Enters the room of that secret (16 bytes), leaving the present one. */
  join(secret: Uint8Array): void
  leave(): void
  rename(name: string): void
  /** Connects to the server at once instead of after the present pause. */
  retryServer(): void

  /** Everyone in the room and everyone still linked, in order of id. */
  peers(): readonly SwarmPeer[]
  /** Any change of `peers()` (round trips excepted), `room` or `server`. */
  onChange(listener: () => void): () => void
  onPeerOpen(listener: (peer: string) => void): () => void
  /** The peer fell silent for 2.5 s or its link broke for now; or (false) it is back. Answers in flight need not wait. */
  onPeerInterrupted(listener: (peer: string, interrupted: boolean) => void): () => void
  /** A link that was open is gone for good; the peer may come back by a new one. */
  onPeerLost(listener: (peer: string, loss: PeerLoss) => void): () => void
  /** A peer did not take a message of ours: `NOT_OFFERED` where it has no handler for it. */
  onPeerRefused(listener: (peer: string, refusal: PeerRefusal) => void): () => void
  /** The server refused something, such as a full room. */
  onRefused(listener: (error: CentramError) => void): () => void

  /** Queues a message. Throws `PEER_LEFT` without an open link, `NO_CAPACITY`, `BAD_ARGUMENT`, `FRAME_TOO_LARGE`. */
  send<Name extends PeerMessageName>(peer: string, name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  /** Resolves when what waits for the peer is below the high-water mark; rejects when it is lost. */
  drained(peer: string): Promise<void>
  /**
   * Sets the one handler of a message; what has none is answered `NOT_OFFERED`. What it throws is told to the peer; `PROTOCOL_VIOLATION` and `FRAME_INVALID` end
   * the link. The tail is a view of the received bytes and may be kept.
   */
  handle<Name extends PeerMessageName>(name: Name, handler: PeerHandler<Name>): () => void
  /** Says goodbye to all and stops. */
  close(): void
}

export function createSwarm(options: SwarmOptions): Swarm {
  const { identity, clock, transport } = options
  const selfKey = identity.publicKey
  const incarnation = options.random(16)
  const records = new Map<string, PeerRecord>()
  const byLink = new Map<string, PeerRecord>()
  const pastLinks = new Set<string>()
  const handlers = createHandlerTable()
  const changeListeners = createListeners<[]>()
  const openListeners = createListeners<[string]>()
  const interruptedListeners = createListeners<[string, boolean]>()
  const lostListeners = createListeners<[string, PeerLoss]>()
  const peerRefusedListeners = createListeners<[string, PeerRefusal]>()
  const refusedListeners = createListeners<[CentramError]>()
  let room: { keys: RoomKeys; secret: Uint8Array } | null = null
  let server: Swarm['server'] = { state: 'none' }
  let displayName = options.name
  let client: SignallingClient | null = null
  let closed = false

  const changed = () => changeListeners.call()
  /** In a pair the node with the lower key is polite: it answers. The other one begins. */
  const isPolite = (key: Uint8Array) => compareBytes(selfKey, key) < 0

  const startLink = (record: PeerRecord, id: Uint8Array) => {
    if (room === null) return
    record.retryTimer = null
    const link = createPeerLink({
      id,
      remoteKey: record.key,
      polite: isPolite(record.key),
      room: room.keys,
      identity,
      verifier: options.verifier,
      clock,
      random: options.random,
      transport,
      relay: (frame) => void client?.relay(frame),
      events: {
        onOpen() {
          record.openedAt = clock.now()
          changed()
          openListeners.call(record.id)
        },
        onMessage: (message) => dispatch(record, link, message),
        onRefused: (refusal) => peerRefusedListeners.call(record.id, refusal),
        onInterrupted(interrupted) {
          changed()
          interruptedListeners.call(record.id, interrupted)
          // Silent, and gone from the room: it will not come back on this link.
          if (interrupted && !record.member && server.state === 'open') {
            link.end('leaving', { code: 'PEER_LEFT', message: 'The node left the room and is silent.', by: 'remote' })
          }
        },
        onEnd: (end, wasOpen) => linkEnded(record, link, end, wasOpen),
      },
    })
    record.link = link
    byLink.set(link.name, record)
    changed()
  }

  const linkEnded = (record: PeerRecord, link: PeerLink, end: SessionEnd, wasOpen: boolean) => {
    byLink.delete(link.name)
    pastLinks.add(link.name)
    if (pastLinks.size > MAX_PAST_LINKS) pastLinks.delete(pastLinks.keys().next().value as string)
    if (record.link === link) record.link = null
    noteEnd(record, end, wasOpen, clock.now())
    if (!record.member && record.link === null) records.delete(record.id)
    changed()
    if (wasOpen) lostListeners.call(record.id, { code: end.code, message: end.message })
    scheduleRetry(record)
  }

  const wanted = (record: PeerRecord) =>
    !closed && record.member && record.link === null && records.get(record.id) === record

  const scheduleRetry = (record: PeerRecord) => {
    if (!wanted(record) || isPolite(record.key) || record.retryTimer !== null) return
    record.retryTimer = clock.setTimeout(
      () => {
        record.retryTimer = null
        beginLink(record)
      },
      nextPause(record, clock.now()),
    )
  }

  const beginLink = (record: PeerRecord) => {
    if (!wanted(record) || record.retryTimer !== null || isPolite(record.key)) return
    if (byLink.size >= MAX_LINKS) return
    if (clock.now() < record.notBefore) scheduleRetry(record)
    else startLink(record, options.random(16))
  }

  /** The server is back: signals of links that were still connecting went astray meanwhile. */
  const beginAgain = () => {
    for (const record of [...records.values()]) {
      if (record.link?.state !== 'connecting' || isPolite(record.key)) continue
      record.attempts = 0
      endLink(record, 'leaving', { code: 'LINK_FAILED', message: 'The server was away meanwhile.', by: 'local' })
    }
  }

  const endLink = (record: PeerRecord, reason: BodyOf<'SESSION_GOODBYE'>['reason'], end: SessionEnd) => {
    record.link?.end(reason, end)
  }

  const updateRoom = (members: readonly RoomMember[]) => {
    const present = new Set<string>()
    for (const member of members) {
      if (equalBytes(member.key, selfKey)) continue
      const id = toHex(member.key)
      present.add(id)
      const record = records.get(id)
      if (record === undefined) {
        records.set(id, createPeerRecord(member))
        continue
      }
      record.member = true
      record.name = member.name
      if (!equalBytes(record.incarnation, member.incarnation)) {
        record.incarnation = member.incarnation
        record.attempts = 0
        endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node was started anew.', by: 'remote' })
      }
    }
    for (const record of records.values()) {
      if (present.has(record.id)) continue
      record.member = false
      if (record.retryTimer !== null) clock.clearTimeout(record.retryTimer)
      record.retryTimer = null
      if (record.link === null) records.delete(record.id)
      else if (record.link.state !== 'open') {
        endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node left the room.', by: 'remote' })
      }
    }
    changed()
    for (const record of [...records.values()]) beginLink(record)
  }

  const dispatch = (record: PeerRecord, link: PeerLink, message: PeerMessage) => {
    const failed = (error: unknown) => {
      const code = errorCode(error)
      link.session?.complain(error, message.name)
      if (code === 'PROTOCOL_VIOLATION' || code === 'FRAME_INVALID') {
        link.end('leaving', { code, message: (error as Error).message, by: 'refused' })
      }
    }
    try {
      const running = handlers.call(record.id, message)
      if (running instanceof Promise) running.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  const takeSignal = ({ from, link: id, sequence, signal }: PeerSignal) => {
    const record = records.get(from)
    if (record === undefined || closed || room === null) return
    const name = toHex(id)
    if (record.link === null || record.link.name !== name) {
      // Only the side that begins links may name a new one, and no name counts twice.
      const isOffer = signal.kind === 'description' && signal.type === 'offer'
      if (!isOffer || !isPolite(record.key) || pastLinks.has(name) || clock.now() < record.notBefore) return
      endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node connected anew.', by: 'remote' })
      if (byLink.size >= MAX_LINKS) return
      startLink(record, id)
    }
    const link = record.link
    if (link === null || sequence <= link.lastSignal) return
    link.lastSignal = sequence
    link.signalFromPeer(signal)
  }
  const signals = createPeerSignals({
    selfKey,
    verifier: options.verifier,
    isMember: (id) => records.has(id),
    onSignal: takeSignal,
  })

  const leaveRoom = () => {
    room = null
    for (const record of [...records.values()]) {
      record.member = false
      if (record.retryTimer !== null) clock.clearTimeout(record.retryTimer)
      endLink(record, 'leaving', { code: 'CANCELLED', message: 'This node left the room.', by: 'local' })
      records.delete(record.id)
    }
  }

  transport.listen({
    onSignal: (link, signal) => byLink.get(link)?.link?.signalToPeer(signal),
    onOpen: (link, opened) => byLink.get(link)?.link?.opened(opened),
    onState: (link, state, reason) => byLink.get(link)?.link?.transportState(state, reason),
  })
  if (options.serverUrl !== undefined) {
    client = createSignallingClient({
      url: options.serverUrl,
      identity,
      verifier: options.verifier,
      clock,
      random: options.random,
      connect: options.connect,
      incarnation,
      onState(state, reason) {
        server = reason === undefined ? { state } : { state, reason }
        changed()
        if (state === 'open') beginAgain()
      },
      onRoom: (_room, members) => updateRoom(members),
      onRelayed: (frame) => signals.push(frame),
      onRefused: (error) => refusedListeners.call(error),
    })
  }

  return {
    id: toHex(selfKey),
    get room() {
      return room === null ? null : { id: room.keys.id, secret: room.secret }
    },
    get server() {
      return server
    },
    join(secret) {
      if (secret.length !== ROOM_SECRET_BYTES) {
        throw new CentramError('BAD_ARGUMENT', `A room's secret has ${ROOM_SECRET_BYTES} bytes, not ${secret.length}.`)
      }
      if (room !== null && equalBytes(room.secret, secret)) return
      leaveRoom()
      room = { keys: openRoom(secret), secret: secret.slice() }
      client?.enter(room.keys, displayName)
      changed()
    },
    leave() {
      leaveRoom()
      client?.enter(null, displayName)
      changed()
    },
    rename(name) {
      displayName = name
      if (room !== null) client?.enter(room.keys, name)
    },
    retryServer: () => client?.retry(),
    peers: () =>
      [...records.values()]
        .map((record): SwarmPeer => {
          const state = record.link?.state ?? 'connecting'
          return {
            id: record.id,
            key: record.key,
            name: record.name,
            link: state === 'ended' ? 'connecting' : state,
            roundTripMs: record.link?.session?.roundTripMs ?? null,
          }
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    onChange: changeListeners.add,
    onPeerOpen: openListeners.add,
    onPeerInterrupted: interruptedListeners.add,
    onPeerLost: lostListeners.add,
    onPeerRefused: peerRefusedListeners.add,
    onRefused: refusedListeners.add,
    send(peer, name, body, tail) {
      openSession(peer).send(name, body, tail)
    },
    async drained(peer) {
      await openSession(peer).drained()
    },
    handle: handlers.set,
    close() {
      if (closed) return
      leaveRoom()
      closed = true
      signals.stop()
      client?.close()
    },
  }

  function openSession(peer: string) {
    const session = records.get(peer)?.link?.session
    if (session?.state !== 'open') {
      throw new CentramError('PEER_LEFT', `There is no open link to node ${peer.slice(0, 8)}.`)
    }
    return session
  }
}
