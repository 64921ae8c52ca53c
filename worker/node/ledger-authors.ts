// Whose word in the ledger counts here: everyone whom this node met in a session or has entries in common with, save those of
// whom a fork was proven. Both are kept over visits.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { verifyFork, type ForkProof } from '#core/ledger/fork.ts'
import type { LogEntry } from '#core/ledger/log.ts'
import { isRefusal, type Refusal } from '#core/ledger/refusal.ts'
import { authorRefusal, freeze, know, NO_STANDINGS, type Standings } from '#core/ledger/standing.ts'
import { readSubjectObject } from '#core/ledger/subject.ts'
import { CentramError } from '#core/errors.ts'
import type { KeyBook } from './key-book.ts'
import type { Surroundings } from './surroundings.ts'

export interface LedgerAuthors {
  start(): Promise<void>
  standings(): Standings
  /** Why nothing of that author is taken or passed on; null where it is. */
  refusal(author: string): Refusal | null
  isFrozen(author: string): boolean
  /** An author whom this node has to do with; of no more than some thousands. */
  meet(author: string): void
  /** Those with whom an author that was met has dealings. */
  meetParties(author: string, entries: readonly LogEntry[]): void
  /** Verifies and keeps a proof; false where its author was frozen before. Throws `SIGNATURE_INVALID` for one that proves nothing. */
  freeze(proof: ForkProof): Promise<boolean>
  forks(): readonly ForkProof[]
}

const STORE = 'ledger-authors'
const MAX_KNOWN = 4096
/** Of those known by what one author wrote: nobody fills other nodes' books with made-up ones. */
const MAX_PARTIES = 64
const MAX_FORKS = 1024

export function createLedgerAuthors(
  { records, verifier }: Pick<Surroundings, 'records' | 'verifier'>,
  keys: Pick<KeyBook, 'history'>,
  owner: string,
): LedgerAuthors {
  let standings: Standings = NO_STANDINGS
  /** Met by this node itself. */
  const met = new Set<string>()
  const named = new Map<string, Set<string>>()
  const isFrozen = (author: string) =>
    authorRefusal(standings, keys.history(), bytesOf(author))?.code === 'AUTHOR_FROZEN'
  const learn = (author: string) => {
    if (standings.known.size < MAX_KNOWN) standings = know(standings, bytesOf(author))
  }

  return {
    async start() {
      for (const [, fork] of await records.list(STORE, 'fork/')) {
        // What this version did not write, or cannot verify, accuses nobody.
        if (isFork(fork) && !isRefusal(await verifyFork(fork, verifier))) standings = freeze(standings, fork)
      }
      for (const [key] of await records.list(STORE, `met/${owner}/`)) {
        const author = key.slice(`met/${owner}/`.length)
        met.add(author)
        learn(author)
      }
    },
    standings: () => standings,
    refusal: (author) => authorRefusal(standings, keys.history(), bytesOf(author)),
    isFrozen,
    meet(author) {
      if (met.has(author) || met.size >= MAX_KNOWN) return
      met.add(author)
      learn(author)
      // Kept for the next visit; where there is no room for it, it is met again.
      void records.put(STORE, `met/${owner}/${author}`, true).catch(() => undefined)
    },
    meetParties(author, entries) {
      if (!met.has(author)) return
      const parties = named.get(author) ?? new Set()
      named.set(author, parties)
      for (const party of entries.flatMap(partiesOf)) {
        if (party === author || parties.size >= MAX_PARTIES) continue
        parties.add(party)
        learn(party)
      }
    },
    async freeze(proof) {
      const fork = await verifyFork(proof, verifier)
      if (isRefusal(fork)) throw new CentramError('SIGNATURE_INVALID', fork.message)
      const author = toHex(fork.author)
      if (standings.frozen.has(author) || standings.frozen.size >= MAX_FORKS) return false
      standings = freeze(standings, proof)
      await records.put(STORE, `fork/${author}`, proof)
      return true
    },
    forks: () => [...standings.frozen.values()],
  }
}

/** The other side of what an entry grants or pays. */
function partiesOf({ kind, subject: { object } }: LogEntry): string[] {
  if (object === null) return []
  if (kind === 'grant') return [toHex(readSubjectObject('grant', object).debtor)]
  if (kind !== 'transfer') return []
  const { payer, payee } = readSubjectObject('transfer', object)
  return [toHex(payer), toHex(payee)]
}

function isFork(value: unknown): value is ForkProof {
  return typeof value === 'object' && value !== null && 'first' in value && 'second' in value
}

const bytesOf = (key: string) => fromHex(key) ?? new Uint8Array(0)
