// Whose word counts: authors that somebody here has to do with, and whom no fork was proven of. Of all others nothing is
// taken, kept or passed on, except the proof of a fork itself. What is said of one key holds for all keys of its identity.

import { toHex } from '../crypto/bytes.ts'
import { keysOf, type KeyHistory } from '../protocol/key-history.ts'
import { LOG_HEAD } from '../protocol/messages/proof.ts'
import { readObject } from '../protocol/signed-object.ts'
import type { ForkProof } from './fork.ts'
import { refuse, type Refusal } from './refusal.ts'
import type { LogEntry } from './log.ts'

/** What this node knows of authors, by public key in hex. */
export interface Standings {
  /** This node, those it grants credit to or has credit with, and whoever else it chooses to know, such as its room. */
  readonly known: ReadonlySet<string>
  /** Of whom a fork was proven, with the first proof that came. */
  readonly frozen: ReadonlyMap<string, ForkProof>
}

export const NO_STANDINGS: Standings = { known: new Set(), frozen: new Map() }

export function know(standings: Standings, author: Uint8Array): Standings {
  return { ...standings, known: new Set(standings.known).add(toHex(author)) }
}

/** With a verified proof (`verifyFork`). It is for good: there is no honest way to two logs. */
export function freeze(standings: Standings, proof: ForkProof): Standings {
  const author = toHex(readObject(LOG_HEAD, proof.first.head).author)
  return standings.frozen.has(author)
    ? standings
    : { ...standings, frozen: new Map(standings.frozen).set(author, proof) }
}

/**
 * Why heads, entries, grants, proposals and signatures of that author are neither taken nor passed on; null where they are.
 * A fork by any key of an identity ends all of it: else who forked would rotate and go on.
 */
export function authorRefusal(standings: Standings, history: KeyHistory, author: Uint8Array): Refusal | null {
  const keys = keysOf(history, author).map(toHex)
  const name = toHex(author).slice(0, 8)
  if (keys.some((key) => standings.frozen.has(key))) {
    return refuse('AUTHOR_FROZEN', `Node ${name} signed two logs; nothing more of it is taken.`)
  }
  if (keys.some((key) => standings.known.has(key))) return null
  return refuse('AUTHOR_UNKNOWN', `Nobody here has to do with node ${name}; nothing of it is kept or passed on.`)
}

/**
 * The entries of a log that count: none of who forked, and none dated after their key was revoked or rotated, except the one
 * that closes the log. What such an author signed together with others counts where it stands in their logs.
 */
export function countedEntries(
  standings: Standings,
  history: KeyHistory,
  author: Uint8Array,
  entries: readonly LogEntry[],
): readonly LogEntry[] {
  if (keysOf(history, author).some((key) => standings.frozen.has(toHex(key)))) return []
  const end = retiredAt(history, author)
  return entries.filter(({ at, kind }) => at < end || kind === 'rotation')
}

/** When the first word of a key's end was dated; infinite for a key that counts. */
function retiredAt(history: KeyHistory, key: Uint8Array): number {
  const name = toHex(key)
  const ends = [...(history.rotations.get(name) ?? []), ...(history.revocations.get(name) ?? [])]
  return Math.min(...ends.map(({ at }) => at))
}
