// What a node's gossip remembers of one linked peer.

import type { GossipRates } from '#core/gossip/parameters.ts'
import { createTokenBucket, type TokenBucket } from '#core/protocol/rates.ts'

/** Topics of one peer, and ids remembered of it, at most. */
export const MAX_TOPICS = 64
const MAX_IDS = 4096

export interface GossipPeer {
  readonly id: string
  /** When its link was opened. Of what was said before, a node that began anew may know nothing. */
  readonly linkedAt: number
  /** That it cares for. */
  readonly topics: Set<string>
  /** When it said that it has the news already. */
  readonly unwanted: Map<string, number>
  /** Times that news was sent to it because it asked. */
  readonly served: Map<string, number>
  /** Copies of news that it sent here. */
  readonly copies: Map<string, number>
  /** News that it told of and was asked for, by when it must have come. */
  readonly promises: Map<string, number>
  /** IHAVE messages since the last heartbeat. */
  ihaveCount: number
  /** Of news that nobody asked for. */
  readonly sending: TokenBucket
  readonly taking: TokenBucket
}

export function createGossipPeer(id: string, rates: GossipRates, now: number): GossipPeer {
  return {
    id,
    linkedAt: now,
    topics: new Set(),
    unwanted: new Map(),
    served: new Map(),
    copies: new Map(),
    promises: new Map(),
    ihaveCount: 0,
    sending: createTokenBucket(rates.eager.sent, now),
    taking: createTokenBucket(rates.eager.taken, now),
  }
}

/** Remembers `value` for `key`, and forgets what was remembered first once there is too much. */
export function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MAX_IDS) map.delete(map.keys().next().value as string)
}
