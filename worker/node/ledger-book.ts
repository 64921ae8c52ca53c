// The logs that this node holds: its own, which it writes, and those of others as far as a head that their authors signed
// leads. What was read of a log once is handed to `onEntries`, in order, and never again.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import {
  reachesHead,
  signHead,
  startOfLog,
  verifyHead,
  writeEntry,
  type LogEntry,
  type LogPoint,
  type SignedHead,
} from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import type { SubjectKind } from '#core/ledger/subject.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import { createLedgerStore, type LedgerStore } from '../storage/ledger-store.ts'
import type { Surroundings } from './surroundings.ts'

export interface KnownLog {
  /** Public key, hex. */
  readonly author: string
  /** Behind the last entry that is here. */
  readonly point: LogPoint
  /** Leads to that point; null before the first entry. */
  readonly head: SignedHead | null
  /** Entries that a kept head was signed for and that were lost here. */
  readonly missing: number
}

export interface LedgerBook {
  /** Reads what was kept from earlier visits. */
  start(): Promise<void>
  own(): KnownLog
  isOwn(author: string): boolean
  log(author: string): KnownLog
  /** Those of whom something is here, this node among them. */
  logs(): readonly KnownLog[]
  /** Writes an entry of this node's own. Throws `SOURCE_CORRUPT` while entries of its log are missing. */
  record(kind: SubjectKind, object: Uint8Array, signatures: readonly Uint8Array[]): Promise<LogEntry>
  /** Takes entries that were verified and lead to `head`, from behind what is here. */
  extend(entries: readonly LogEntry[], point: LogPoint, head: SignedHead): Promise<void>
  range(author: string, from: number, count: number): Promise<readonly Uint8Array[]>
}

export interface LedgerBookOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'withLock' | 'wallTime'>
  /** Of one author; `isNew` is false for what was kept from earlier visits. */
  onEntries(author: string, entries: readonly LogEntry[], isNew: boolean): void
}

export function createLedgerBook({ surroundings, onEntries }: LedgerBookOptions): LedgerBook {
  const { identity, verifier, wallTime } = surroundings
  const store: LedgerStore = createLedgerStore(surroundings)
  const self = toHex(identity.publicKey)
  const known = new Map<string, KnownLog>()
  const empty = (author: string, key: Uint8Array): KnownLog => ({
    author,
    point: startOfLog(key),
    head: null,
    missing: 0,
  })
  const log = (author: string): KnownLog => known.get(author) ?? empty(author, keyOf(author))

  function add(author: string, entries: readonly LogEntry[], point: LogPoint, head: SignedHead | null, isNew: boolean) {
    const fresh = entries.filter(({ sequence }) => sequence >= log(author).point.sequence)
    known.set(author, { author, point, head, missing: missingBefore(head, point) })
    if (fresh.length > 0) onEntries(author, fresh, isNew)
  }

  async function read(author: string): Promise<void> {
    const stored = await store.read(author)
    const { entries, point } = stored
    const head = stored.head && (await verifyHead(stored.head, Number.MAX_SAFE_INTEGER, verifier))
    const isSigned = head !== null && !isRefusal(head)
    if (author === self) {
      // What was written and not signed for, because the tab ended in between, is signed for now.
      const isBehind = point.sequence > 0 && (!isSigned || head.sequence < point.sequence - 1)
      add(author, entries, point, isBehind ? await signHead(point, wallTime(), identity) : stored.head, false)
      return
    }
    // What came after that head was being stored when the tab ended; of half of a log nobody vouches for any of it.
    const vouched = isSigned ? entries.slice(0, head.sequence + 1) : []
    const end = isSigned && vouched.length < entries.length ? pointBehind(vouched.at(-1), point) : point
    if (isSigned && reachesHead(end, head)) add(author, vouched, end, stored.head, false)
    else await store.remove(author)
  }

  return {
    async start() {
      for (const author of await store.authors()) await read(author)
    },
    own: () => log(self),
    isOwn: (author) => author === self,
    log,
    logs: () => [...known.values()],

    async record(kind, object, signatures) {
      const written = await store.append(
        log(self).point,
        (point) => writeEntry(point, kind, object, signatures, wallTime()),
        (point) => signHead(point, wallTime(), identity),
      )
      add(self, written.entries, written.point, written.head, true)
      return written.entries.at(-1) as LogEntry
    },

    async extend(entries, point, head) {
      const author = toHex(point.author)
      const [first] = entries
      if (!first || first.sequence > log(author).point.sequence) {
        throw new CentramError('BAD_ARGUMENT', 'These entries do not go behind those that are here.')
      }
      await store.extend(
        author,
        first.sequence,
        entries.map(({ bytes }) => bytes),
        head,
      )
      if (point.sequence > log(author).point.sequence) add(author, entries, point, head, true)
    },

    range: store.range,
  }
}

function missingBefore(head: SignedHead | null, point: LogPoint): number {
  return head === null ? 0 : Math.max(0, readObject(LOG_HEAD, head.head).sequence + 1 - point.sequence)
}

/** Behind an entry that others follow. */
function pointBehind(entry: LogEntry | undefined, { author }: LogPoint): LogPoint {
  if (!entry) return startOfLog(author)
  return { author, sequence: entry.sequence + 1, previous: entry.hash, at: entry.at, closed: false }
}

function keyOf(author: string): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(author.slice(2 * index, 2 * index + 2), 16))
}
