// The links of one node: one to every other node of the room, begun by the one with the higher key, kept up, replaced when a
// node comes back, and given up when it is gone.

import type { Clock } from '#core/clock.ts'
import { compareBytes, equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { RoomKeys } from '#core/crypto/room.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { createLanes, type LaneLink } from './lanes.ts'
import type { LinkTransport } from './link-transport.ts'
import type { Member, Membership } from './membership.ts'
import { createPeerLink, type PeerLink } from './peer-link.ts'
import { createPeerRecord, nextPause, noteEnd, type PeerRecord, type Route } from './peer-record.ts'
import type { PeerSignal } from './peer-signals.ts'
import type { PeerMessage, PeerRefusal, SessionEnd } from './session.ts'

/** Links of one node, at most: a full mesh of 16. */
export const MAX_LINKS = 15
/** Of them, with nodes that only other nodes tell of, still connecting: a liar makes up as many as it likes. */
const MAX_UNPROVEN = 8
/** Ended links whose names are remembered, so that an old offer cannot open them again. */
const MAX_PAST_LINKS = 256

export interface LinkKeeperOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly transport: LinkTransport
  readonly clock: Clock
  /** Cryptographically strong. */
  readonly random: (length: number) => Uint8Array
  /** Throws for a key that no session may begin with. */
  readonly requireKey?: ((key: Uint8Array) => void) | undefined
  readonly room: () => RoomKeys | null
  readonly membership: Membership
  /** How signals get to a node now. */
  readonly routes: (id: string) => readonly Route[]
  readonly signal: (record: PeerRecord, frame: Uint8Array) => void
  /** Links over the same transport that are kept elsewhere. */
  readonly otherLink: (name: string) => PeerLink | undefined
  readonly events: LinkKeeperEvents
}

export interface LinkKeeperEvents {
  onChange(): void
  onOpen(peer: string): void
  onMessage(peer: string, link: PeerLink, message: PeerMessage): void
  onPassedOn(peer: string, frame: Uint8Array<ArrayBuffer>): void
  onRefused(peer: string, refusal: PeerRefusal): void
  onInterrupted(peer: string, interrupted: boolean): void
  /** Bulk that was on its way to or from the peer may not arrive. */
  onBulkLost(peer: string): void
  /** A link that was open is gone. */
  onLost(peer: string, end: SessionEnd): void
}

export interface LinkKeeper {
  readonly records: ReadonlyMap<string, PeerRecord>
  /** Follows the membership: links with newcomers, lets go of who left. */
  follow(): void
  /** Begins what could not be begun for want of a route. */
  begin(): void
  /** Signals that were on this way went astray: what was still connecting by it begins again. */
  beginAgain(route: Route): void
  takeSignal(signal: PeerSignal, route: Route): void
  /** Ends all links and forgets everyone. */
  leave(): void
  close(): void
}

export function createLinkKeeper(options: LinkKeeperOptions): LinkKeeper {
  const { identity, clock, transport, events, membership } = options
  const records = new Map<string, PeerRecord>()
  const byLink = new Map<string, PeerRecord>()
  const pastLinks = new Set<string>()
  let closed = false

  /** In a pair the node with the lower key is polite: it answers. The other one begins. */
  const isPolite = (key: Uint8Array) => compareBytes(identity.publicKey, key) < 0

  const startLink = (record: PeerRecord, id: Uint8Array, room: RoomKeys) => {
    const createLink = (link: LaneLink) =>
      createPeerLink({
        ...link,
        remoteKey: record.key,
        room,
        identity,
        verifier: options.verifier,
        clock,
        random: options.random,
        requireKey: options.requireKey,
        transport,
      })
    const link = createLink({
      id,
      polite: isPolite(record.key),
      relay: (frame) => options.signal(record, frame),
      events: {
        onOpen() {
          record.openedAt = clock.now()
          record.lanes = createLanes({
            link,
            selfKey: identity.publicKey,
            remoteKey: record.key,
            clock,
            createLink,
            onMessage: (message) => events.onMessage(record.id, link, message),
            onRefused: (refusal) => events.onRefused(record.id, refusal),
            onBulkLost: () => events.onBulkLost(record.id),
          })
          events.onChange()
          events.onOpen(record.id)
          begin()
        },
        onMessage: (message) => events.onMessage(record.id, link, message),
        onPassedOn: (frame) => events.onPassedOn(record.id, frame),
        onRefused: (refusal) => events.onRefused(record.id, refusal),
        onInterrupted(interrupted) {
          events.onChange()
          events.onInterrupted(record.id, interrupted)
          if (interrupted) giveUpIfGone(record)
        },
        onEnd: (end, wasOpen) => linkEnded(record, link, end, wasOpen),
      },
    })
    record.link = link
    record.linkedTo = record.incarnation
    byLink.set(link.name, record)
    events.onChange()
  }

  /** Silent, and gone from the room or started anew: it will not come back on this link. */
  const giveUpIfGone = (record: PeerRecord) => {
    if (record.link === null) return
    if (!record.member && membership.gone(record.id)) {
      endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node left the room and is silent.', by: 'remote' })
    } else if (!equalBytes(record.linkedTo, record.incarnation)) {
      endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node was started anew.', by: 'remote' })
    }
  }

  const linkEnded = (record: PeerRecord, link: PeerLink, end: SessionEnd, wasOpen: boolean) => {
    byLink.delete(link.name)
    pastLinks.add(link.name)
    if (pastLinks.size > MAX_PAST_LINKS) pastLinks.delete(pastLinks.keys().next().value as string)
    if (record.link === link) {
      record.link = null
      record.lanes?.end()
      record.lanes = null
    }
    record.route = null
    noteEnd(record, end, wasOpen, clock.now())
    if (!record.member && record.link === null) records.delete(record.id)
    events.onChange()
    if (wasOpen) events.onLost(record.id, end)
    scheduleRetry(record)
    // There is room for another one now.
    begin()
  }

  /** Whether one more link may be begun with this node. */
  const hasRoom = (record: PeerRecord) => {
    if (byLink.size >= MAX_LINKS) return false
    if (membership.get(record.id)?.introduced === true) return true
    const unproven = [...byLink.values()].filter(
      ({ id, link }) => link?.state === 'connecting' && membership.get(id)?.introduced !== true,
    )
    return unproven.length < MAX_UNPROVEN
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
    const room = options.room()
    if (room === null || !wanted(record) || record.retryTimer !== null || isPolite(record.key)) return
    // Without a route nothing would come of it; `begin` is called when there is one.
    if (!hasRoom(record) || options.routes(record.id).length === 0) return
    if (clock.now() < record.notBefore) scheduleRetry(record)
    else startLink(record, options.random(16), room)
  }

  const endLink = (record: PeerRecord, reason: BodyOf<'SESSION_GOODBYE'>['reason'], end: SessionEnd) => {
    record.link?.end(reason, end)
  }

  const update = (record: PeerRecord, member: Member) => {
    record.member = true
    record.link?.session?.suspect(false)
    record.name = member.name
    if (equalBytes(record.incarnation, member.incarnation)) return
    record.incarnation = member.incarnation
    record.attempts = 0
    // Hearsay does not end a link that is heard on.
    if (record.link !== null && (member.introduced || record.link.state !== 'open')) {
      endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node was started anew.', by: 'remote' })
    }
  }

  const drop = (record: PeerRecord) => {
    record.member = false
    if (record.retryTimer !== null) clock.clearTimeout(record.retryTimer)
    record.retryTimer = null
    if (record.link === null) records.delete(record.id)
    else if (record.link.state === 'connecting') {
      endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node left the room.', by: 'remote' })
    } else if (record.link.state === 'interrupted') giveUpIfGone(record)
    else record.link.session?.suspect(true)
  }

  const begin = () => {
    for (const record of [...records.values()]) beginLink(record)
  }

  const linkNamed = (name: string): PeerLink | null | undefined => {
    const record = byLink.get(name)
    if (record !== undefined) return record.link
    return [...records.values()].flatMap(({ lanes }) => lanes?.named(name) ?? [])[0] ?? options.otherLink(name)
  }
  transport.listen({
    onSignal: (link, signal) => linkNamed(link)?.signalToPeer(signal),
    onOpen: (link, opened) => linkNamed(link)?.opened(opened),
    onState: (link, state, reason) => linkNamed(link)?.transportState(state, reason),
    onPath: (link, path) => {
      const found = byLink.get(link)?.link
      if (!found || found.path === path) return
      found.path = path
      events.onChange()
    },
  })

  return {
    records,
    follow() {
      const members = membership.all()
      for (const member of members.values()) {
        const record = records.get(member.id)
        if (record === undefined) records.set(member.id, createPeerRecord(member))
        else update(record, member)
      }
      for (const record of [...records.values()]) if (!members.has(record.id)) drop(record)
      events.onChange()
      begin()
    },
    begin,
    beginAgain(route) {
      for (const record of [...records.values()]) {
        if (record.link?.state !== 'connecting' || isPolite(record.key) || record.route !== route) continue
        record.attempts = 0
        endLink(record, 'replaced', { code: 'LINK_FAILED', message: 'The way in was away meanwhile.', by: 'local' })
      }
    },
    takeSignal({ from, link: id, sequence, signal }, route) {
      const record = records.get(from)
      const room = options.room()
      if (record === undefined || closed || room === null) return
      if (record.lanes?.takeSignal({ link: id, sequence, signal }) === true) return
      const name = toHex(id)
      if (record.link === null || record.link.name !== name) {
        // Only the side that begins links may name a new one, and no name counts twice.
        const isOffer = signal.kind === 'description' && signal.type === 'offer'
        if (!isOffer || !isPolite(record.key) || pastLinks.has(name) || clock.now() < record.notBefore) return
        endLink(record, 'replaced', { code: 'PEER_LEFT', message: 'The node connected anew.', by: 'remote' })
        if (!hasRoom(record) || records.get(from) !== record) return
        // The answer goes back by the way that the offer came.
        record.route = route
        startLink(record, id, room)
      }
      const link = record.link
      if (link === null || sequence <= link.lastSignal) return
      link.lastSignal = sequence
      link.signalFromPeer(signal)
    },
    leave() {
      for (const record of [...records.values()]) {
        record.member = false
        if (record.retryTimer !== null) clock.clearTimeout(record.retryTimer)
        endLink(record, 'leaving', { code: 'CANCELLED', message: 'This node left the room.', by: 'local' })
        records.delete(record.id)
      }
    },
    close: () => void (closed = true),
  }
}
