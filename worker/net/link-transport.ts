// What makes channels to other nodes: in a tab the page's RTCPeerConnections, in Node.js node-datachannel, in tests
// memory pairs. It never talks to the server itself: signals to pass on are handed to `onSignal`.

import type { IceServer } from '#core/ice-servers.ts'
import type { Channel } from './channel.ts'

/** What the two ends of a link pass each other through the server while they connect. */
export type LinkSignal =
  | {
      readonly kind: 'description'
      readonly type: 'offer' | 'answer' | 'rollback'
      readonly sdp: string
      /** Which of its sender's offers it is, from 1 on; of an answer, which of the receiver's it answers. */
      readonly offer: number
    }
  | {
      readonly kind: 'candidate'
      readonly candidate: string
      readonly mid: string | null
      readonly line: number | null
    }

export interface LinkOptions {
  /** In a glare of offers the polite side gives way: the one with the lower public key, in byte order. */
  readonly polite: boolean
}

/** A channel that opened, and what ties it to the encryption under it. */
export interface OpenedLink {
  readonly channel: Channel
  /** SHA-256 fingerprints of the two DTLS certificates, 32 bytes each; zeros where there is no DTLS (memory). */
  readonly localFingerprint: Uint8Array
  readonly remoteFingerprint: Uint8Array
}

/** Whether packets go straight to the other side or through a TURN relay, of either side's. */
export type LinkPath = 'direct' | 'relayed'

export type LinkState = 'connecting' | 'open' | 'interrupted' | 'closed'

export interface LinkEvents {
  onSignal(link: string, signal: LinkSignal): void
  onOpen(link: string, opened: OpenedLink): void
  onState(link: string, state: LinkState, reason?: string): void
  /** Told once it is known and whenever it changes, as an ICE restart may. */
  onPath(link: string, path: LinkPath): void
}

export interface LinkTransport {
  /** Set once, before the first `open`. */
  listen(events: LinkEvents): void
  /**
   * STUN and TURN servers for links from now on, and for the next ICE restart of those there are. Without `tellAddress`
   * this device's public address is told to no other node.
   */
  useServers(servers: readonly IceServer[], tellAddress: boolean): void
  /** Begins to connect, or makes ready to be connected to. `link` is the caller's name for it. */
  open(link: string, options: LinkOptions): void
  signal(link: string, signal: LinkSignal): void
  restartIce(link: string): void
  close(link: string): void
}
