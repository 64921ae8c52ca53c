// Forks: two signed heads of one author that cannot be of one log. The proof holds everything it takes, so that anyone can
// verify it, whoever brings it; an author with one log, however often it signed its head, cannot be accused.

import type { Verifier } from '../crypto/identity.ts'
import { headsConflict, LOG_HEAD, MAX_FORK_PATH } from '../protocol/messages/proof.ts'
import type { BodyOf } from '../protocol/registry.ts'
import { readObject, verifyObject } from '../protocol/signed-object.ts'
import type { SignedHead } from './log.ts'
import { refuse, type Refusal } from './refusal.ts'

export type ForkProof = BodyOf<'PROOF_FORK'>

/** Who forked, and the sequence at which both logs are known to differ. They may have parted before. */
export interface Fork {
  readonly author: Uint8Array
  readonly sequence: number
}

/**
 * The proof that two heads make, of which `entriesBehind` gives the encoded entries of the later one's log from one sequence
 * to another, both included. Null where both may be of one log, and where they lie too far apart to be shown.
 */
export function proveFork(
  one: SignedHead,
  other: SignedHead,
  entriesBehind: (from: number, to: number) => readonly Uint8Array[],
): ForkProof | null {
  const sequences = [one, other].map(({ head }) => readObject(LOG_HEAD, head).sequence) as [number, number]
  const [first, second] = sequences[0] <= sequences[1] ? [one, other] : [other, one]
  const [from, to] = sequences.sort((a, b) => a - b)
  if (to - from > MAX_FORK_PATH) return null
  const heads = { first: { ...first }, second: { ...second } }
  const proof: ForkProof = from === to ? heads : { ...heads, path: [...entriesBehind(from + 1, to)] }
  return headsConflict(proof) ? proof : null
}

/** Total: what does not show a fork, or is not signed by the one it accuses, accuses nobody. */
export async function verifyFork(proof: ForkProof, verify: Verifier): Promise<Fork | Refusal> {
  try {
    if (!headsConflict(proof)) return refuse('NO_CONFLICT', 'Two heads that were called a fork may be of one log.')
    const { author, sequence } = readObject(LOG_HEAD, proof.first.head)
    const signed = await Promise.all(
      [proof.first, proof.second].map(({ head, signature }) => verifyObject(LOG_HEAD, head, author, signature, verify)),
    )
    return signed.every(Boolean)
      ? { author, sequence }
      : refuse('HEAD_UNSIGNED', 'A head of what was called a fork is not signed by its author.')
  } catch {
    return refuse('HEAD_INVALID', 'What was called a fork holds no two heads of a log.')
  }
}
