// Compares a set with a peer's: what each side does between PROOF_RECON_OPEN and PROOF_RECON_DONE, without the messages around.
//
// Who begins: `createComparison`, sends `open()` as a PROOF_RECON_FRAME after the RECON_OPEN, hands every frame that comes back to
// `receive` and sends what that returns. At null it is over: `result()` has the ids that the other side lacks and those that are
// lacking here, whose records are then pushed and asked for by other messages; `retry` says how to go on where it did not get to
// the end, at most twice in a row. Who answers: `createAnswer`, hands each frame to it and sends what it returns. Both throw a `CentramError` on what a
// peer may not send; the comparison is over then, and RECON_DONE carries the code.
// Both sides leave it out where the fingerprints of RECON_OPEN agree.

import { CentramError } from '../errors.ts'
import type { Comparison, ComparisonOptions } from './comparison.ts'
import { answerRanges } from './range-based.ts'
import { createRangeComparison } from './range-comparison.ts'
import { answerSymbols, createSymbolComparison } from './rateless-iblt.ts'

/** Messages of who begins; what is not compared by then is for the next time. */
const MAX_ROUNDS = 256

/** The side that begins. */
export function createComparison(options: ComparisonOptions): Comparison {
  const { method } = options
  const { open, receive, result } =
    method === 'riblt' ? createSymbolComparison(options) : createRangeComparison(options)
  let rounds = 0
  return {
    open,
    receive: (frame) => (++rounds > MAX_ROUNDS ? null : receive(frame)),
    result: () => (rounds > MAX_ROUNDS ? { ...result(), complete: false } : result()),
  }
}

/** The side that answers: each frame that comes in becomes one that goes out. */
export function createAnswer({
  set,
  method,
  recon,
}: Pick<ComparisonOptions, 'set' | 'method' | 'recon'>): (frame: Uint8Array) => Uint8Array<ArrayBuffer> {
  const answer = method === 'riblt' ? answerSymbols(set, recon) : (frame: Uint8Array) => answerRanges(set, frame)
  let rounds = 0
  return (frame) => {
    // The last one too must still be answered.
    if (++rounds > MAX_ROUNDS + 1) {
      throw new CentramError('PROTOCOL_VIOLATION', 'A comparison of sets takes too many rounds.')
    }
    return answer(frame)
  }
}
