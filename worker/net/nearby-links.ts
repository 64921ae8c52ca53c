// Nodes on the same network, as a server tells of them, and the links over which two of them get to know each other before
// they share a room. Such a link is signed and encrypted like any other, but proves no room and carries nothing but pairing.

import type { Clock } from '#core/clock.ts'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { createTokenBucket } from '#core/protocol/rates.ts'
import { dispatch } from './dispatch.ts'
import { createHandlerTable } from './handler-table.ts'
import type { RoomMember } from './introducer.ts'
import type { LinkTransport } from './link-transport.ts'
import { createListeners } from './listeners.ts'
import { createPeerLink, type PeerLink } from './peer-link.ts'
import type { PeerSignal } from './peer-signals.ts'
import { createStreams } from './streams.ts'

const MAX_LINKS = 4
/** Links that strangers begin. */
const INCOMING = { perSecond: 1 / 20, burst: 6 }
const PURPOSE = 'pairing'
/** Of one word of a pairing. */
const MAX_WORD_BYTES = 2048
const MAX_PAST_LINKS = 64
/** Two people are done by then, or the link is kept open for nothing. */
const LIFETIME_MS = 150_000

export interface NearbyNode {
  /** Public key, hex. */
  readonly id: string
  readonly key: Uint8Array
  readonly name: string
}

export interface NearbyLink {
  readonly peer: NearbyNode
  /** Rejects when it did not arrive. */
  say(word: Uint8Array): Promise<void>
  end(): void
}

export interface NearbyEvents {
  /** A link is open; `incoming` when the other node began it. */
  onOpen(link: NearbyLink, incoming: boolean): void
  onWord(link: NearbyLink, word: Uint8Array): void
  onEnd(link: NearbyLink, reason: string): void
}

export interface NearbyLinksOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly transport: LinkTransport
  readonly clock: Clock
  readonly random: (length: number) => Uint8Array
  readonly relay: (way: string, frame: Uint8Array, to: Uint8Array) => boolean
  readonly onChange: () => void
}

export interface NearbyLinks {
  /** Replaces what a way told. */
  tell(way: string, members: readonly RoomMember[]): void
  nodes(): readonly NearbyNode[]
  knows(id: string): boolean
  listen(events: NearbyEvents): void
  /** Throws `PEER_LEFT` for a node that is not nearby, `NO_CAPACITY`. */
  open(id: string): void
  named(link: string): PeerLink | undefined
  /** False for a signal that is of no such link. */
  takeSignal(signal: PeerSignal, way: string): boolean
  close(): void
}

interface Entry {
  readonly link: PeerLink
  readonly handle: NearbyLink
  readonly stop: () => void
}

export function createNearbyLinks(options: NearbyLinksOptions): NearbyLinks {
  const { clock, identity } = options
  const told = new Map<string, readonly NearbyNode[]>()
  const links = new Map<string, Entry>()
  const past = new Set<string>()
  const incoming = createTokenBucket(INCOMING, clock.now())
  let events: NearbyEvents | null = null

  const find = (id: string): { node: NearbyNode; way: string } | undefined => {
    for (const [way, nodes] of told) {
      const node = nodes.find((one) => one.id === id)
      if (node !== undefined) return { node, way }
    }
    return undefined
  }

  const start = (node: NearbyNode, way: string, id: Uint8Array, isIncoming: boolean) => {
    const handlers = createHandlerTable()
    const opened = createListeners<[string]>()
    const lost = createListeners<[string, { code: 'PEER_LEFT'; message: string }]>()
    const link = createPeerLink({
      id,
      remoteKey: node.key,
      // Whoever opens it begins, whatever the order of the keys: the other side learns of it by the offer.
      polite: isIncoming,
      room: null,
      identity,
      verifier: options.verifier,
      clock,
      random: options.random,
      transport: options.transport,
      relay: (frame) => void options.relay(way, frame, node.key),
      events: {
        onOpen() {
          opened.call(node.id)
          events?.onOpen(handle, isIncoming)
        },
        onMessage: (message) => dispatch(handlers, node.id, link, message),
        onPassedOn: () => undefined,
        onRefused: () => undefined,
        onInterrupted: () => undefined,
        onEnd({ message }) {
          links.delete(link.name)
          clock.clearTimeout(lifetime)
          past.add(link.name)
          if (past.size > MAX_PAST_LINKS) past.delete(past.values().next().value as string)
          lost.call(node.id, { code: 'PEER_LEFT', message })
          streams.close()
          events?.onEnd(handle, message)
        },
      },
    })
    const session = () => {
      if (link.session?.state !== 'open') throw new CentramError('PEER_LEFT', `The link to ${node.name} is closed.`)
      return link.session
    }
    const streams = createStreams({
      clock,
      random: options.random,
      swarm: {
        send: (_peer, name, body, tail) => session().send(name, body, tail),
        drained: async () => session().drained(),
        handle: handlers.set,
        onPeerOpen: opened.add,
        onPeerLost: lost.add,
        onBulkLost: () => () => undefined,
      },
    })
    streams.accept(PURPOSE, async ({ length }, pieces) => {
      if (length === null || length > MAX_WORD_BYTES) throw new CentramError('FRAME_TOO_LARGE', 'That is no pairing.')
      const word = new Uint8Array(length)
      let filled = 0
      for await (const piece of pieces) {
        if (filled + piece.length > length) throw new CentramError('FRAME_INVALID', 'A word is longer than it said.')
        word.set(piece, filled)
        filled += piece.length
      }
      events?.onWord(handle, word)
    })
    const handle: NearbyLink = {
      peer: node,
      async say(word) {
        const about = { purpose: PURPOSE, subject: null, priority: 'interactive', length: word.length } as const
        await streams.open(node.id, about, one(word)).done
      },
      end() {
        link.end('leaving', { code: 'CANCELLED', message: 'This node ended the pairing.', by: 'local' })
      },
    }
    links.set(link.name, { link, handle, stop: () => handle.end() })
    const lifetime = clock.setTimeout(() => handle.end(), LIFETIME_MS)
  }

  return {
    tell(way, members) {
      told.set(
        way,
        members
          .filter(({ key }) => !equalBytes(key, identity.publicKey))
          .map(({ key, name }) => ({ id: toHex(key), key, name })),
      )
      options.onChange()
    },
    nodes() {
      const all = new Map<string, NearbyNode>()
      for (const nodes of told.values()) for (const node of nodes) all.set(node.id, node)
      return [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    knows: (id) => find(id) !== undefined,
    listen: (listener) => void (events = listener),
    open(id) {
      const found = find(id)
      if (found === undefined) throw new CentramError('PEER_LEFT', 'That node is no longer on this network.')
      if (links.size >= MAX_LINKS) {
        throw new CentramError('NO_CAPACITY', 'Too many nodes are being paired with: end one of them first.')
      }
      start(found.node, found.way, options.random(16), false)
    },
    named: (name) => links.get(name)?.link,
    takeSignal({ from, link: id, sequence, signal }, way) {
      const name = toHex(id)
      let entry = links.get(name)
      if (entry === undefined) {
        const node = told.get(way)?.find((one) => one.id === from)
        const isOffer = signal.kind === 'description' && signal.type === 'offer'
        if (node === undefined || !isOffer || past.has(name) || events === null) return false
        if (links.size >= MAX_LINKS || !incoming.take(clock.now())) return true
        start(node, way, id, true)
        entry = links.get(name)
      }
      if (entry?.handle.peer.id !== from || sequence <= entry.link.lastSignal) return true
      entry.link.lastSignal = sequence
      entry.link.signalFromPeer(signal)
      return true
    },
    close() {
      for (const { stop } of [...links.values()]) stop()
      told.clear()
    },
  }
}

async function* one(word: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(word)
}
