// The numbers of the gossip, after the defaults of the gossipsub 1.1 and 1.2 specifications (libp2p), for rooms of tens of
// nodes rather than networks of thousands. Where a number differs from the specification's, its comment says why.

import type { Rate } from '../protocol/rates.ts'

export interface GossipParameters {
  readonly heartbeatMs: number
  /** Neighbours in the mesh of a topic: as wished, and the bounds beyond which the heartbeat acts. */
  readonly mesh: { readonly wished: number; readonly low: number; readonly high: number; readonly byScore: number }
  /** Neighbours outside the mesh that hear of news by id: at least so many, or this share of them. */
  readonly lazy: { readonly least: number; readonly share: number }
  /** Heartbeats for which news is told of by id. */
  readonly gossipBeats: number
  /**
   * Heartbeats for which news can be asked for. The specification keeps 5; whoever hears of news over a link with seconds of
   * delay asks later than that, and must not find that the one who told has thrown it away.
   */
  readonly keptBeats: number
  /** Bytes of news that can be asked for, at most. */
  readonly keptBytes: number
  readonly seenMs: number
  readonly backoffMs: number
  /** After which a peer that left the room, and came back, may be grafted again. */
  readonly unsubscribeBackoffMs: number
  /** A GRAFT this soon after a PRUNE counts twice. */
  readonly graftFloodMs: number
  /** After which news that was asked for is asked for elsewhere. */
  readonly askAgainMs: number
  /**
   * After which news that a peer told of and did not send counts as a broken promise. The specification says 3 s, which an
   * honest peer with seconds of delay breaks; a link that is silent for 30 s is given up anyway.
   */
  readonly promiseMs: number
  /** Times that the same news is sent to one peer that asks for it. */
  readonly retransmissions: number
  /** IHAVE messages of one peer that are looked at between two heartbeats, and those from which on it is a flood. */
  readonly ihaveMessages: { readonly taken: number; readonly flood: number }
  /** From this size on a peer that has news tells its mesh not to send it (1.2). */
  readonly dontWantBytes: number
  /** Heartbeats between looks at whether the mesh could be better. */
  readonly opportunisticBeats: number
  readonly opportunisticPeers: number
  readonly thresholds: {
    /** Below it nothing is told to a peer by id, nor taken from it. */
    readonly gossip: number
    /** Below it own news is not sent. */
    readonly publish: number
    /** Below it the link is ended. */
    readonly refuse: number
    /** A mesh whose median is below it looks for better neighbours. */
    readonly opportunistic: number
  }
  readonly rates: GossipRates
}

/**
 * Each sender's bound is so far below what receivers allow that honest news passes even when a link held it back for the 30 s
 * that links are given to heal, and delivers it at once: burst + rate · 40 s of the sender fits into the receiver's burst.
 */
export interface GossipRates {
  /** Of one author's news: what its node publishes, and what others take of it. */
  readonly author: { readonly sent: Rate; readonly taken: Rate }
  /** Of news that nobody asked for, over one link. What goes beyond is left to be asked for. */
  readonly eager: { readonly sent: Rate; readonly taken: Rate }
}

export const GOSSIP_PARAMETERS: GossipParameters = {
  heartbeatMs: 1000,
  mesh: { wished: 6, low: 4, high: 12, byScore: 4 },
  lazy: { least: 6, share: 0.25 },
  gossipBeats: 3,
  keptBeats: 120,
  keptBytes: 4 * 1024 * 1024,
  seenMs: 300_000,
  backoffMs: 60_000,
  unsubscribeBackoffMs: 10_000,
  graftFloodMs: 10_000,
  askAgainMs: 3_000,
  promiseMs: 30_000,
  retransmissions: 3,
  ihaveMessages: { taken: 10, flood: 100 },
  dontWantBytes: 1024,
  opportunisticBeats: 60,
  opportunisticPeers: 2,
  thresholds: { gossip: -10, publish: -50, refuse: -80, opportunistic: 1 },
  rates: {
    author: { sent: { perSecond: 0.5, burst: 20 }, taken: { perSecond: 1, burst: 64 } },
    eager: { sent: { perSecond: 8, burst: 128 }, taken: { perSecond: 16, burst: 768 } },
  },
}
