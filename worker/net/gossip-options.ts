// What the gossip is given: the node it speaks for, how it reaches its peers, and what its topics do with news.

import type { Clock } from '#core/clock.ts'
import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { CentramError } from '#core/errors.ts'
import type { News, NewsName } from '#core/gossip/news.ts'
import type { GossipParameters } from '#core/gossip/parameters.ts'
import type { Swarm } from './swarm.ts'

/** `ignore` stops news here without blame: what one node cannot judge another may. `reject` is for what no node may pass on. */
export type Verdict = 'accept' | 'ignore' | 'reject'

export interface Topic {
  /** Messages that its news may hold. */
  readonly names: readonly NewsName[]
  onNews(news: News, from: string): Verdict | Promise<Verdict>
}

export interface GossipOptions {
  readonly identity: Identity
  readonly verifier: Verifier
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallTime: () => number
  readonly random: (length: number) => Uint8Array
  /** May throw where the peer is gone. */
  readonly send: Swarm['send']
  /** Ends the link of a peer that broke the rules. */
  readonly refuse: (peer: string, error: CentramError) => void
  /** Numbers this node's news, one more each time, over reloads too: a number counts once. */
  readonly nextSequence: () => Promise<number>
  readonly parameters?: GossipParameters
}
