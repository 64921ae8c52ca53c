// The messages a pipeline is driven with, and the way to send one: all that hyperlink knows of the swarm.

import type { BodyOf } from '#core/protocol/registry.ts'

export type PipeMessage =
  | 'PIPE_PLAN'
  | 'PIPE_LOAD_STATUS'
  | 'PIPE_COMMIT'
  | 'PIPE_ACTIVATION'
  | 'PIPE_LOGITS'
  | 'PIPE_KV_TRIM'
  | 'PIPE_AUDIT'
  | 'PIPE_FAILOVER'

/**
 * Queues one signed frame to the node with public key `peer` (hex), which may be this one. Throws `PEER_LEFT` when there is no
 * link to it.
 */
export type PipeSend = <Name extends PipeMessage>(
  peer: string,
  name: Name,
  body: BodyOf<Name>,
  tail?: Uint8Array,
) => void

export interface PipePort {
  /** This node's public key, hex. */
  readonly self: string
  readonly send: PipeSend
  /** What a person calls the node. */
  nameOf(peer: string): string
  /** Milliseconds, monotonic, with fractions. */
  now(): number
}
