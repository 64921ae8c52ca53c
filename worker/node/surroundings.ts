// Everything a node needs from the place it runs in. A tab's worker, a Node.js process and a simulation each hand in
// their own, so the node itself names none of them.

import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { Clock } from '../net/clock.ts'
import type { LinkTransport } from '../net/link-transport.ts'
import type { SocketFactory } from '../net/signalling-client.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Records } from '../storage/records.ts'
import type { GpuState, NodeSettings } from './api.ts'

export interface Surroundings {
  readonly settings: NodeSettings
  readonly identity: Identity
  readonly verifier: Verifier
  /** Opens the GPU, or says why there is none and what a person can do about it. */
  openGpu(): Promise<GpuContext | Extract<GpuState, { kind: 'none' }>>
  /** What the device has, where the browser says so (`navigator.deviceMemory`). */
  readonly deviceMemoryBytes?: number
  readonly transport: LinkTransport
  /** Makes WebSockets to the signalling server. */
  readonly connect: SocketFactory
  readonly records: Records
  readonly blobs: Blobs
  /** Runs `work` while no other tab of this origin holds the lock `name`. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly clock: Clock
  /** Milliseconds since 1970, for what carries a date. */
  wallTime(): number
  /** Cryptographically strong random bytes. */
  random(length: number): Uint8Array
}
