// The server's copy of the ledger, for nodes that are offline: logs, heads, witnesses and fork proofs that nodes sent. It keeps
// only what it verified, and whoever reads verifies it again: a server can leave something out, but forge nothing.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { decodeCanonical, encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { proveFork } from '#core/ledger/fork.ts'
import type { SignedHead } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { readSubject, readSubjectObject, type SubjectObject } from '#core/ledger/subject.ts'
import { LOG_ENTRY, LOG_HEAD, WITNESSED_HEAD } from '#core/protocol/messages/proof.ts'
import { messageNamed, type BodyOf } from '#core/protocol/registry.ts'
import { readObject, verifyObject } from '#core/protocol/signed-object.ts'
import { z } from 'zod/mini'
import type { KeptEntry, KeptFork, KeptHead, KeptWitness, LedgerDatabase } from './database.ts'

export interface LedgerCopyLimits {
  readonly authors: number
  /** Entries of one author. */
  readonly entries: number
  /** Of all entries together. */
  readonly bytes: number
  /** Witnesses of one head. */
  readonly witnesses: number
}

export interface LedgerCopy {
  /** Takes entries with the head that they lead to, as in PROOF_RANGE; returns how many of that log are kept now. */
  addEntries(body: Uint8Array): Promise<number>
  /** Takes two signed heads that conflict, as in PROOF_FORK: of their author nothing more is taken. */
  addFork(body: Uint8Array): Promise<void>
  /** Takes what somebody signed of the head that is kept, as in PROOF_WITNESS. */
  addWitness(body: Uint8Array): Promise<void>
  head(author: Uint8Array): { readonly kept: KeptHead; readonly witnesses: readonly KeptWitness[] } | null
  heads(after: Uint8Array, limit: number): readonly KeptHead[]
  entries(author: Uint8Array, from: number, limit: number): readonly Uint8Array[]
  isFrozen(author: Uint8Array): boolean
  forks(after: Uint8Array, limit: number): readonly KeptFork[]
  /** Entries that may set royalty terms, behind a place in the order of authors and logs; `terms` is null for one that does not. */
  terms(author: Uint8Array, sequence: number, limit: number): readonly (KeptEntry & { readonly terms: Terms | null })[]
}

export type Terms = SubjectObject<'royalty-terms'>

const LIMITS: LedgerCopyLimits = { authors: 10_000, entries: 200_000, bytes: 1024 ** 3, witnesses: 64 }

export function createLedgerCopy(
  database: LedgerDatabase,
  verifier: Verifier,
  limits: LedgerCopyLimits = LIMITS,
): LedgerCopy {
  let bytes = database.bytes()

  async function requireHead({
    head,
    signature,
  }: SignedHead): Promise<{ author: Uint8Array; kept: KeptHead; entry: Uint8Array }> {
    const { author, sequence, entry } = readObject(LOG_HEAD, head)
    await requireSigned(LOG_HEAD, head, author, signature, verifier)
    return { author, entry, kept: { author, sequence, head, signature } }
  }

  /** What cannot stand beside what is kept: a fork where the heads show it, which is kept as proof. */
  function conflict(author: Uint8Array, head: SignedHead, from: number, entries: readonly Uint8Array[]): CentramError {
    const kept = database.head(author)
    const last = from + entries.length - 1
    const behind = (first: number, to: number) =>
      to === last ? entries.slice(first - from) : database.entries(author, first, to - first + 1)
    const proof = kept && proveFork({ head: kept.head, signature: kept.signature }, head, behind)
    if (!proof) return new CentramError('BAD_ARGUMENT', 'The copy has other entries of this log at the same places.')
    database.putFork({ author, fork: encodeCanonical(proof) })
    return frozen(author)
  }

  return {
    async addEntries(body) {
      const { entries, head } = read('PROOF_RANGE', body)
      const { author, kept, entry: tip } = await requireHead(head)
      if (database.fork(author)) throw frozen(author)
      const from = kept.sequence + 1 - entries.length
      const length = database.length(author)
      const isFlawed = from < 0 || !leadsTo(author, from, entries, tip)
      if (isFlawed) throw new CentramError('BAD_ARGUMENT', 'The entries do not lead to the head that came with them.')
      if (from > length) {
        throw new CentramError('BAD_ARGUMENT', `Entries are missing before these: the copy has ${length} of this log.`)
      }
      const [before] = from > 0 ? database.entries(author, from - 1, 1) : []
      const previous = before ? sha256(before) : new Uint8Array(32)
      const overlap = database.entries(author, from, length - from).slice(0, entries.length)
      const agrees =
        overlap.every((entry, index) => equalBytes(entry, entries[index] as Uint8Array)) &&
        (entries[0] === undefined || equalBytes(readObject(LOG_ENTRY, entries[0]).previous, previous))
      if (!agrees) throw conflict(author, head, from, entries)
      const fresh = entries.slice(overlap.length)
      const size = fresh.reduce((sum, entry) => sum + entry.length, 0)
      if (length === 0 && database.authors() >= limits.authors) throw full()
      if (length + fresh.length > limits.entries || bytes + size > limits.bytes) throw full()
      database.putEntries(author, from + overlap.length, fresh, kept)
      bytes += size
      return length + fresh.length
    },

    async addFork(body) {
      const { first, second } = read('PROOF_FORK', body)
      const { author } = await requireHead(first)
      await requireHead(second)
      if (database.head(author) === null) {
        throw new CentramError('BAD_ARGUMENT', 'The copy has nothing of that author.')
      }
      database.putFork({ author, fork: body })
    },

    async addWitness(body) {
      const { seen, signature } = read('PROOF_WITNESS', body)
      const { witness, author, sequence, entry } = readObject(WITNESSED_HEAD, seen)
      await requireSigned(WITNESSED_HEAD, seen, witness, signature, verifier)
      const kept = database.headAt(author, sequence)
      if (!kept || !equalBytes(readObject(LOG_HEAD, kept.head).entry, entry)) {
        throw new CentramError('BAD_ARGUMENT', 'The copy does not have the head that was witnessed.')
      }
      if (database.witnesses(author, sequence).length >= limits.witnesses) throw full()
      database.putWitness({ author, sequence, witness }, { seen, signature })
    },

    head(author) {
      const kept = database.head(author)
      return kept && { kept, witnesses: database.witnesses(author, kept.sequence) }
    },
    heads: database.heads,
    terms: (author, sequence, limit) =>
      database.terms(author, sequence, limit).map((kept) => ({ ...kept, terms: readTerms(kept) })),
    entries: database.entries,
    isFrozen: (author) => database.fork(author) !== null,
    forks: database.forks,
  }
}

/** Whether the entries are one author's, follow each other from `from` on, and end in the one that the head names. */
function leadsTo(author: Uint8Array, from: number, entries: readonly Uint8Array[], tip: Uint8Array): boolean {
  let previous: Uint8Array | null = null
  for (const [index, bytes] of entries.entries()) {
    const entry = readObject(LOG_ENTRY, bytes)
    if (!equalBytes(entry.author, author) || entry.sequence !== from + index) return false
    if (previous !== null && !equalBytes(entry.previous, previous)) return false
    previous = sha256(bytes)
  }
  return previous !== null && equalBytes(previous, tip)
}

/** What its author signed there; null for an entry of another kind, or one that does not hold what its kind prescribes. */
function readTerms({ author, entry }: KeptEntry): Terms | null {
  const { kind, subject } = readObject(LOG_ENTRY, entry)
  if (kind !== 'royalty-terms') return null
  const read = readSubject(kind, author, subject)
  return isRefusal(read) || read.object === null ? null : readSubjectObject(kind, read.object)
}

/** Throws `FRAME_INVALID` for what is no body of that message. */
function read<Name extends 'PROOF_RANGE' | 'PROOF_FORK' | 'PROOF_WITNESS'>(
  name: Name,
  bytes: Uint8Array,
): BodyOf<Name> {
  const parsed = z.safeParse(messageNamed(name).body, decodeCanonical(bytes))
  if (!parsed.success) throw new CentramError('FRAME_INVALID', `This is no body of ${name}.`)
  return parsed.data as BodyOf<Name>
}

async function requireSigned(
  definition: Parameters<typeof verifyObject>[0],
  object: Uint8Array,
  key: Uint8Array,
  signature: Uint8Array,
  verifier: Verifier,
): Promise<void> {
  if (await verifyObject(definition, object, key, signature, verifier)) return
  throw new CentramError('SIGNATURE_INVALID', `A ${definition.name} is not signed by the node that it names.`)
}

const frozen = (author: Uint8Array) =>
  new CentramError(
    'KEY_REVOKED',
    `Node ${toHex(author).slice(0, 8)} signed two logs. The copy takes nothing more of it; /api/ledger/forks shows the proof.`,
  )
const full = () => new CentramError('NO_CAPACITY', 'The copy of the ledger is full.')
