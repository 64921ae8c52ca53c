// What the side that begins to compare its set with a peer's is given and learns, by whichever method.

import type { Method } from './choose-method.ts'
import type { ItemSet } from './item-set.ts'

export interface ComparisonOptions {
  readonly set: ItemSet
  readonly method: Method
  /** The 16 random bytes of PROOF_RECON_OPEN: they key the hashes, so that no record made before could aim at them. */
  readonly recon: Uint8Array
  /** How large the difference is expected to be; null where nothing is known. */
  readonly expected?: number | null
  /** Whether ranges give way to the rateless IBLT when they find the difference to be large and scattered. */
  readonly maySwitch?: boolean
}

export interface ComparisonResult {
  /** Ids that are here and not there. */
  readonly have: readonly Uint8Array[]
  /** Ids that are there and not here, as the peer says. */
  readonly need: readonly Uint8Array[]
  /** Whether that is all. If not, and there is no `retry`, the rest is for the next time. */
  readonly complete: boolean
  /** How to go on at once, by the other method and under a new `recon`. It happens twice in a row at most. */
  readonly retry: Pick<ComparisonOptions, 'method' | 'expected' | 'maySwitch'> | null
}

export interface Comparison {
  open(): Uint8Array<ArrayBuffer>
  /** The next frame to send, or null at the end. */
  receive(frame: Uint8Array): Uint8Array<ArrayBuffer> | null
  result(): ComparisonResult
}
