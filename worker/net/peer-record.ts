// What a node remembers about another one of its room, and how patient it is with it.

import type { Timer } from '#core/clock.ts'
import { toHex } from '#core/crypto/bytes.ts'
import type { Lanes } from './lanes.ts'
import type { PeerLink } from './peer-link.ts'
import type { SessionEnd } from './session.ts'
import type { RoomMember } from './introducer.ts'

const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 30_000
/** A peer that broke the protocol is not spoken to for this long, doubled each time. */
const PENALTY_MS = 10_000
const LAST_PENALTY_MS = 300_000
/** A link that held this long makes up for the failures before it. */
const GOOD_LINK_MS = 60_000

/** How signals go: by a way in, named by its address, or through a peer, named by its id. */
export type Route = `way ${string}` | `peer ${string}`

export interface PeerRecord {
  /** Public key, hex. */
  readonly id: string
  readonly key: Uint8Array
  name: string
  incarnation: Uint8Array
  /** In the room, as far as anyone tells. */
  member: boolean
  link: PeerLink | null
  /** Of the link, while it is open. */
  lanes: Lanes | null
  /** The incarnation that the link is with. */
  linkedTo: Uint8Array
  /** By which the signals of its link go. */
  route: Route | null
  attempts: number
  penalties: number
  /** When its latest link opened. */
  openedAt: number
  /** Nothing is begun or answered before this time. */
  notBefore: number
  retryTimer: Timer | null
}

export function createPeerRecord({ key, name, incarnation }: RoomMember): PeerRecord {
  return {
    id: toHex(key),
    key,
    name,
    incarnation,
    member: true,
    link: null,
    lanes: null,
    linkedTo: incarnation,
    route: null,
    attempts: 0,
    penalties: 0,
    openedAt: 0,
    notBefore: 0,
    retryTimer: null,
  }
}

/** Remembers how a link ended. */
export function noteEnd(record: PeerRecord, end: SessionEnd, wasOpen: boolean, now: number): void {
  if (wasOpen && now - record.openedAt > GOOD_LINK_MS) {
    record.attempts = 0
    record.penalties = 0
  }
  if (end.by !== 'refused') return
  record.notBefore = now + Math.min(LAST_PENALTY_MS, PENALTY_MS * 2 ** record.penalties++)
}

/** Milliseconds until the next attempt, longer after each. */
export function nextPause(record: PeerRecord, now: number): number {
  const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** record.attempts++)
  return Math.max(pause, record.notBefore - now)
}
