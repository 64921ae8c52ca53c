// Lanes: further connections to one peer, opened while bulk waits behind delay or loss and closed when it is quiet. Each is a
// link with a session of its own, whose signals travel over the first link instead of by a server. Whoever opened a lane
// sends on it, and bulk only; what arrives is handled as if the first link had brought it.

import type { Clock, Timer } from '#core/clock.ts'
import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { priorityOf } from '#core/protocol/message.ts'
import { messageNamed, type BodyOf, type PeerMessageName } from '#core/protocol/registry.ts'
import { createLaneCount, LANE_TICK_MS, MAX_LANES } from './lane-count.ts'
import type { PeerLink, PeerLinkEvents } from './peer-link.ts'
import type { PeerSignal } from './peer-signals.ts'
import type { PeerMessage, PeerRefusal, Session, SessionEnd } from './session.ts'

/** Names of lanes that the peer may open next: more than can be lost on their way. */
const AHEAD = 16
const DOMAIN = utf8('centram lane v1\n')

export interface LanesOptions {
  /** The first link, open. */
  readonly link: PeerLink
  readonly selfKey: Uint8Array
  readonly remoteKey: Uint8Array
  readonly clock: Clock
  /** Makes a link as the first one was made, with these differences. */
  readonly createLink: (options: LaneLink) => PeerLink
  readonly onMessage: (message: PeerMessage) => void
  readonly onRefused: (refusal: PeerRefusal) => void
  /** A lane broke: bulk that was on its way, in either direction, may not have arrived. */
  readonly onBulkLost: () => void
}

export interface LaneLink {
  readonly id: Uint8Array
  readonly polite: boolean
  readonly relay: (frame: Uint8Array) => void
  readonly events: PeerLinkEvents
}

export interface Lanes {
  /** Open for this node's sending. */
  readonly open: number
  /** The lane that the transport calls so. */
  named(name: string): PeerLink | undefined
  /** False for a signal that belongs to no lane. */
  takeSignal(signal: Pick<PeerSignal, 'link' | 'sequence' | 'signal'>): boolean
  /** Throws as `Session.send` does. */
  send<Name extends PeerMessageName>(name: Name, body: BodyOf<Name>, tail?: ArrayBufferView): void
  drained(): Promise<void>
  /** With the first link. */
  end(): void
}

interface SendingLane {
  readonly link: PeerLink
  /** When it was last used, or still had something to send. */
  busyAt: number
}

export function createLanes(options: LanesOptions): Lanes {
  const { link: first, clock } = options
  /** Opened here, the oldest first, and by the peer; by name. */
  const sending = new Map<string, SendingLane>()
  const receiving = new Map<string, PeerLink>()
  const count = createLaneCount()
  /** Names that the peer may use, with their numbers. */
  const expected = new Map<string, number>()
  let opened = 0
  let expectedUpTo = 0
  let wanted = 0
  let sentBytes = 0
  let timer: Timer | null = null
  let ended = false

  const nameOf = (opener: Uint8Array, number: number) =>
    sha256(DOMAIN, first.id, opener, Uint8Array.of(number >> 8, number & 255)).subarray(0, 16)
  const expect = (from: number) => {
    for (const [name, number] of expected) if (number < from) expected.delete(name)
    for (; expectedUpTo < Math.min(from + AHEAD, 65_536); expectedUpTo++) {
      expected.set(toHex(nameOf(options.remoteKey, expectedUpTo)), expectedUpTo)
    }
  }
  expect(0)

  const firstSession = (): Session => {
    if (first.session?.state === 'open') return first.session
    throw new CentramError('PEER_LEFT', 'The link to this node is not open.')
  }
  const openSessions = (): readonly Session[] => [
    firstSession(),
    ...[...sending.values()]
      .slice(0, wanted)
      .flatMap(({ link: { state, session } }) => (state === 'open' && session?.writable ? [session] : [])),
  ]
  const leastLoaded = (): Session =>
    openSessions().reduce((least, session) => (session.waitingBytes < least.waitingBytes ? session : least))
  const waitingBytes = () => openSessions().reduce((sum, session) => sum + session.waitingBytes, 0)

  const start = (id: Uint8Array, mine: boolean): PeerLink => {
    const lane = options.createLink({
      id,
      // Whoever opens a lane begins, whatever the order of the keys.
      polite: !mine,
      relay: (frame) => first.session?.passOn(frame),
      events: {
        onOpen: () => undefined,
        onMessage(message) {
          if (mine || priorityOf(messageNamed(message.name)) !== 'bulk') {
            lane.end('leaving', refused(`A ${message.name} came on a lane, where only its opener’s bulk may.`))
          } else options.onMessage(message)
        },
        onPassedOn: () => lane.end('leaving', refused('A signal came on a lane.')),
        onRefused: options.onRefused,
        onInterrupted(interrupted) {
          // The first link may be interrupted; bulk need not wait for that of a lane.
          if (interrupted) lane.end('replaced', { code: 'LINK_FAILED', message: 'A lane fell silent.', by: 'local' })
        },
        onEnd(end, wasOpen) {
          if (mine) sending.delete(lane.name)
          else receiving.delete(lane.name)
          if (wasOpen && !ended && end.code !== 'CANCELLED' && end.code !== 'PEER_LEFT') options.onBulkLost()
        },
      },
    })
    if (mine) sending.set(lane.name, { link: lane, busyAt: clock.now() })
    else receiving.set(lane.name, lane)
    return lane
  }

  const follow = () => {
    timer = null
    if (ended || first.session?.state !== 'open') return
    const waiting = waitingBytes()
    for (const lane of [...sending.values()].slice(0, wanted)) lane.busyAt = clock.now()
    wanted = count.next({
      now: clock.now(),
      leftBytes: sentBytes - waiting,
      waitingBytes: waiting,
      lanes: openSessions().length - 1,
      // A relay lends each connection a port and all its bandwidth: one of them is enough to ask for.
      roundTripMs: first.path === 'relayed' ? null : first.session.leastRoundTripMs,
    })
    while (sending.size < wanted && opened < 65_536) start(nameOf(options.selfKey, opened++), true)
    for (const lane of [...sending.values()].slice(wanted)) {
      const { session } = lane.link
      if ((session?.waitingBytes ?? 0) > 0) lane.busyAt = clock.now()
      // What it carried must have arrived before it goes.
      if (session?.state === 'open' && session.answeredAt <= lane.busyAt) continue
      lane.link.end('replaced', { code: 'CANCELLED', message: 'The lane is no longer needed.', by: 'local' })
    }
    if (waiting > 0 || sending.size > 0) timer = clock.setTimeout(follow, LANE_TICK_MS)
  }

  return {
    get open() {
      return ended || first.session?.state !== 'open' ? 0 : openSessions().length - 1
    },
    named: (name) => sending.get(name)?.link ?? receiving.get(name),
    takeSignal({ link: id, sequence, signal }) {
      const name = toHex(id)
      let lane = sending.get(name)?.link ?? receiving.get(name)
      const number = expected.get(name)
      if (lane === undefined && number !== undefined && !ended) {
        if (signal.kind !== 'description' || signal.type !== 'offer' || receiving.size >= MAX_LANES) return true
        expect(number + 1)
        lane = start(id, false)
      }
      if (lane === undefined) return false
      if (sequence > lane.lastSignal) {
        lane.lastSignal = sequence
        lane.signalFromPeer(signal)
      }
      return true
    },
    send(name, body, tail) {
      const bulk = priorityOf(messageNamed(name)) === 'bulk'
      const session = bulk ? leastLoaded() : firstSession()
      session.send(name, body, tail)
      if (!bulk) return
      sentBytes += tail?.byteLength ?? 0
      timer ??= clock.setTimeout(follow, LANE_TICK_MS)
    },
    async drained() {
      for (;;) {
        const session = leastLoaded()
        try {
          await session.drained()
          return
        } catch (error) {
          // A lane that ended meanwhile is no reason to give up.
          if (session === first.session) throw error
        }
      }
    },
    end() {
      ended = true
      if (timer !== null) clock.clearTimeout(timer)
      const end: SessionEnd = { code: 'CANCELLED', message: 'The link of the lane is gone.', by: 'local' }
      for (const { link } of [...sending.values()]) link.end('replaced', end)
      for (const link of [...receiving.values()]) link.end('replaced', end)
    },
  }
}

const refused = (message: string): SessionEnd => ({ code: 'PROTOCOL_VIOLATION', message, by: 'refused' })
