// Everything a node needs from the place it runs in. A tab's worker, a Node.js process and a simulation each hand in
// their own, so the node itself names none of them.

import type { Identity, Verifier } from '#core/crypto/identity.ts'
import type { OpenEngine } from '../engines/engine.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { Clock } from '../net/clock.ts'
import type { LinkTransport } from '../net/link-transport.ts'
import type { SocketFactory } from '../net/signalling-client.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Records } from '../storage/records.ts'
import type { GpuState, NodeSettings } from './api.ts'
import type { EngineName } from './engine-api.ts'

export interface AesGcm {
  seal(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Promise<Uint8Array>
}

export interface Surroundings {
  readonly settings: NodeSettings
  readonly identity: Identity
  readonly verifier: Verifier
  /** Makes a new identity, which takes the place of the present one at the next start once it is kept; absent where keys stay. */
  successor?(): Promise<{ readonly identity: Identity; keep(): Promise<void> }>
  /** Makes the identity of 32 secret bytes, out of a backup, the one that the next start finds; absent where keys stay. */
  adopt?(seed: Uint8Array): Promise<Identity>
  /** AES-256-GCM where the platform has it; `open` rejects what was not sealed under that key. */
  readonly aesGcm?: AesGcm
  /** Opens the GPU, or says why there is none and what a person can do about it. */
  openGpu(): Promise<GpuContext | Extract<GpuState, { kind: 'none' }>>
  /** What the device has, where the browser says so (`navigator.deviceMemory`). */
  readonly deviceMemoryBytes?: number
  /** Engines that are not ours, where the place has them. */
  readonly engines?: Readonly<Partial<Record<EngineName, OpenEngine>>>
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
  /** SHA-256 where the platform has one, which is faster than the portable one. */
  sha256?(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>
  /** Cryptographically strong random bytes. */
  random(length: number): Uint8Array
}
