// How signals get to a node that is not linked yet: by a way in that knows it, or by a neighbour that is linked with both
// ends. And how this node passes on what its neighbours wrote to others: one step only, and not too much.

import type { Clock, Timer } from '#core/clock.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import type { Inbox } from '#core/protocol/inbox.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'
import type { PeerRecord, Route } from './peer-record.ts'
import { createPeerSignals, type PeerSignal } from './peer-signals.ts'
import type { WayStatus } from './ways.ts'

/** What one neighbour may have passed on to others, and what one neighbour is handed for others: below what it would refuse. */
const FROM_ONE = { perSecond: 30, burst: 250 }
const TO_ONE = { perSecond: 60, burst: 300 }
/** A node's first signals may be here before the record that tells who it is; they wait this long. */
const HOLD_MS = 5_000
const MAX_HELD = 64

export interface SignalRoutesOptions {
  readonly self: string
  readonly verifier: Verifier
  readonly clock: Clock
  readonly ways: () => readonly WayStatus[]
  /** Whether that way in tells of the node. */
  readonly knows: (way: string, id: string) => boolean
  readonly record: (id: string) => PeerRecord | undefined
  readonly relay: (way: string, frame: Uint8Array, to: Uint8Array) => boolean
  readonly onSignal: (signal: PeerSignal, route: Route) => void
  /** Nodes on the same network, members or not. */
  readonly isNearby: (id: string) => boolean
  /** False for a signal that is of no link to a nearby node. */
  readonly takeNearby: (signal: PeerSignal, way: string) => boolean
}

export interface SignalRoutes {
  /** In the order in which they are tried: a server, neighbours (the nearest first), a broker. */
  to(id: string): readonly Route[]
  send(record: PeerRecord, frame: Uint8Array): boolean
  receive(route: Route, frame: Uint8Array): void
  /** A neighbour says whom else it is linked with. */
  tellReach(peer: string, others: ReadonlySet<string>): void
  /** Everyone whom a neighbour is linked with. */
  reached(): ReadonlySet<string>
  /** A node became known: what waited for that is taken. */
  known(id: string): void
  forget(peer: string): void
  close(): void
}

interface Neighbour {
  readonly inbox: Inbox
  readonly sends: TokenBucket
  readonly gets: TokenBucket
}

export function createSignalRoutes(options: SignalRoutesOptions): SignalRoutes {
  const { clock, self } = options
  const reach = new Map<string, ReadonlySet<string>>()
  const neighbours = new Map<string, Neighbour>()
  const ways = new Map<Route, Inbox>()
  const held = new Map<string, { signals: { signal: PeerSignal; route: Route }[]; timer: Timer }>()

  const openSession = (id: string) => {
    const record = options.record(id)
    return record?.link?.state === 'open' ? record.link.session : null
  }
  const neighbour = (id: string): Neighbour => {
    let entry = neighbours.get(id)
    if (entry === undefined) {
      entry = {
        inbox: createInboxOf(
          `peer ${id}`,
          (from, to) => to === self || (from === id && options.record(to) !== undefined),
        ),
        sends: createTokenBucket(FROM_ONE, clock.now()),
        gets: createTokenBucket(TO_ONE, clock.now()),
      }
      neighbours.set(id, entry)
    }
    return entry
  }
  const createInboxOf = (route: Route, isWelcome: (from: string, to: string) => boolean) =>
    createPeerSignals({
      verifier: options.verifier,
      isWelcome,
      onSignal(signal, frame) {
        const [kind, name] = split(route)
        if (signal.to !== self) forward(signal, frame)
        else if (kind === 'way' && options.takeNearby(signal, name)) return
        else if (options.record(signal.from) === undefined) hold(signal, route)
        else options.onSignal(signal, route)
      },
    })
  const forward = ({ from, to }: PeerSignal, frame: Uint8Array) => {
    const session = openSession(to)
    const now = clock.now()
    if (session === null || !neighbour(from).sends.take(now) || !neighbour(to).gets.take(now)) return
    try {
      session.passOn(frame)
    } catch {
      // More waits for it than it takes; the two will try again.
    }
  }
  const hold = (signal: PeerSignal, route: Route) => {
    let entry = held.get(signal.from)
    if (entry === undefined) {
      if (held.size >= MAX_HELD) return
      entry = { signals: [], timer: clock.setTimeout(() => held.delete(signal.from), HOLD_MS) }
      held.set(signal.from, entry)
    }
    if (entry.signals.length < MAX_HELD) entry.signals.push({ signal, route })
  }

  const isOpen = (route: Route) => {
    const [kind, name] = split(route)
    if (kind === 'peer') return openSession(name) !== null
    return options.ways().some(({ url, state }) => url === name && state === 'open')
  }
  const routesTo = (id: string): readonly Route[] => {
    const open = options.ways().filter(({ url, state }) => state === 'open' && options.knows(url, id))
    const through = (kind: WayStatus['kind']) =>
      open.filter((way) => way.kind === kind).map(({ url }): Route => `way ${url}`)
    const peers = [...reach]
      .filter(([peer, others]) => others.has(id) && openSession(peer) !== null)
      .map(([peer]) => ({ peer, far: openSession(peer)?.roundTripMs ?? Number.POSITIVE_INFINITY }))
      .sort((a, b) => a.far - b.far || (a.peer < b.peer ? -1 : 1))
      .map(({ peer }): Route => `peer ${peer}`)
    return [...through('server'), ...peers, ...through('broker')]
  }

  return {
    to: routesTo,
    send(record, frame) {
      const routes = routesTo(record.id)
      // Each attempt goes by one route, so that its signals stay in order; the next attempt takes the next.
      if (record.route === null || !isOpen(record.route)) record.route = routes[record.attempts % routes.length] ?? null
      if (record.route === null) return false
      const [kind, name] = split(record.route)
      if (kind === 'way') return options.relay(name, frame, record.key)
      try {
        openSession(name)?.passOn(frame)
        return true
      } catch {
        return false
      }
    },
    receive(route, frame) {
      const [kind, name] = split(route)
      if (kind === 'peer') {
        neighbour(name).inbox.push(frame)
        return
      }
      let inbox = ways.get(route)
      if (inbox === undefined) {
        // At a broker only members find each other, and their records and their signals may overtake one another; a server
        // tells who is in the room before it hands anything over.
        const isBroker = options.ways().some((way) => way.url === name && way.kind === 'broker')
        const isKnown = (from: string) => isBroker || options.record(from) !== undefined || options.isNearby(from)
        inbox = createInboxOf(route, (from, to) => to === self && isKnown(from))
        ways.set(route, inbox)
      }
      inbox.push(frame)
    },
    tellReach: (peer, others) => void reach.set(peer, others),
    reached: () => new Set([...reach].flatMap(([peer, others]) => (openSession(peer) === null ? [] : [...others]))),
    known(id) {
      const entry = held.get(id)
      if (entry === undefined) return
      held.delete(id)
      clock.clearTimeout(entry.timer)
      for (const { signal, route } of entry.signals) options.onSignal(signal, route)
    },
    forget(peer) {
      reach.delete(peer)
      neighbours.get(peer)?.inbox.stop()
      neighbours.delete(peer)
    },
    close() {
      for (const { inbox } of neighbours.values()) inbox.stop()
      for (const inbox of ways.values()) inbox.stop()
      for (const { timer } of held.values()) clock.clearTimeout(timer)
      neighbours.clear()
      ways.clear()
      held.clear()
      reach.clear()
    },
  }
}

function split(route: Route): ['way' | 'peer', string] {
  const space = route.indexOf(' ')
  return [route.slice(0, space) as 'way' | 'peer', route.slice(space + 1)]
}
