// What the signalling server allows one connection and one address.

import type { Rate } from '#core/protocol/rates.ts'

export interface SignallingLimits {
  readonly maxFrameBytes: number
  /** Bytes that may wait in either direction of one connection. */
  readonly maxWaitingBytes: number
  /** Frames of one connection that may wait to be verified, also while many others' wait; what comes on top came too fast. */
  readonly maxWaitingFrames: { readonly quiet: number; readonly busy: number }
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly maxRoomMembers: number
  /** Nodes of one network that are told of each other. */
  readonly maxNearby: number
  /** Frames of one connection. */
  readonly connectionRate: Rate
  /** Frames of all connections from one address. */
  readonly addressRate: Rate
  /** Dropped frames in a row after which the connection is closed. */
  readonly maxDropped: number
  /** A pause this long forgets what was dropped before. */
  readonly forgiveMs: number
  /** Connections of one address that may be thrown out, for flooding or for what no node says, within `strikeMs`… */
  readonly maxStrikes: number
  readonly strikeMs: number
  /** …before it is kept out for this long, and twice as long each time after, up to the longest. */
  readonly banMs: number
  readonly maxBanMs: number
  /** A connection that does not register in this time is closed. */
  readonly registerTimeoutMs: number
  /** A registered node says something every 15 seconds; one that is silent this long is gone. */
  readonly silenceMs: number
}

export const DEFAULT_LIMITS: SignallingLimits = {
  maxFrameBytes: 64 * 1024,
  maxWaitingBytes: 1024 * 1024,
  maxWaitingFrames: { quiet: 256, busy: 16 },
  maxConnections: 10_000,
  // Everyone behind one household's or school's address counts together.
  maxConnectionsPerAddress: 256,
  maxRoomMembers: 16,
  // A household, a class; beyond that a name is found no faster than by a link.
  maxNearby: 32,
  // Entering a full room takes an offer and some ten candidates for each of 15 others.
  connectionRate: { perSecond: 50, burst: 400 },
  addressRate: { perSecond: 500, burst: 4000 },
  maxDropped: 1000,
  forgiveMs: 10_000,
  // One bad tab behind a household's address does not lock out the others at once.
  maxStrikes: 4,
  strikeMs: 60_000,
  banMs: 5_000,
  maxBanMs: 60_000,
  registerTimeoutMs: 10_000,
  silenceMs: 45_000,
}
