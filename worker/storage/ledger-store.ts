// Logs on disk: one record an entry, and the last signed head of each author. An entry counts only where it is whole and names
// the one before it, so of a log that was torn the last whole prefix is read. All tabs of a browser share them, and a log of
// one's own grows by what nobody else has put in that place: two tabs under one key write one log.

import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { readEntry, startOfLog, type LogEntry, type LogPoint, type SignedHead } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { Records } from './records.ts'

export interface StoredLog extends LogStretch {
  /** The last that was kept. It leads further than the entries where some of them were lost. */
  readonly head: SignedHead | null
}

/** Entries one behind the other, and the place behind the last of them. */
export interface LogStretch {
  readonly entries: readonly LogEntry[]
  readonly point: LogPoint
}

export interface LedgerStore {
  /** Public keys in hex, of everyone of whom something is kept. */
  authors(): Promise<readonly string[]>
  read(author: string): Promise<StoredLog>
  /** Up to `count` entries from a sequence on, as they lie there. */
  range(author: string, from: number, count: number): Promise<readonly Uint8Array[]>
  /**
   * Puts one more entry behind the tip, which other tabs may have moved, and then the head that `sign` makes of it; returns
   * what stands behind `known` now, that entry last. Throws `SOURCE_CORRUPT` while entries are missing that a head was signed
   * for: what is put in their place would be a fork.
   */
  append(
    known: LogPoint,
    write: (point: LogPoint) => Uint8Array,
    sign: (point: LogPoint) => Promise<SignedHead>,
  ): Promise<LogStretch & { readonly head: SignedHead }>
  /** Puts verified entries in their places, and the head that they lead to. */
  extend(author: string, from: number, entries: readonly Uint8Array[], head: SignedHead): Promise<void>
  remove(author: string): Promise<void>
}

export interface LedgerStoreOptions {
  readonly records: Records
  /** Runs `work` while no other tab holds the lock. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
}

const STORE = 'ledger'

const entriesOf = (author: string) => `entry/${author}/`
// Digits enough for every sequence there can be, so that the order of the keys is the order of the entries.
const entryKey = (author: string, sequence: number) => `${entriesOf(author)}${String(sequence).padStart(16, '0')}`
const headKey = (author: string) => `head/${author}`

export function createLedgerStore({ records, withLock }: LedgerStoreOptions): LedgerStore {
  const locked = <T>(author: string, work: () => Promise<T>): Promise<T> => withLock(`ledger-${author}`, work)

  const readHead = async (author: string) => readSignedHead(author, await records.get(STORE, headKey(author)))

  return {
    async authors() {
      const keys = await records.keys(STORE)
      return [...new Set(keys.flatMap((key) => key.split('/')[1] ?? []))]
    },

    async read(author) {
      // In this order: a tab that appends meanwhile puts the entry first.
      const head = await readHead(author)
      const entries: LogEntry[] = []
      let point = startOfLog(bytesOf(author))
      for (const [key, value] of await records.list(STORE, entriesOf(author))) {
        const next = key === entryKey(author, point.sequence) ? follow(point, value) : null
        if (!next) break
        entries.push(next.entry)
        point = next.point
      }
      return { entries, point, head }
    },

    async range(author, from, count) {
      const entries: Uint8Array[] = []
      while (entries.length < count) {
        const entry = await records.get(STORE, entryKey(author, from + entries.length))
        if (!(entry instanceof Uint8Array)) break
        entries.push(entry)
      }
      return entries
    },

    append(known, write, sign) {
      const author = toHex(known.author)
      return locked(author, async () => {
        const entries: LogEntry[] = []
        let point = known
        const standing = async () => follow(point, await records.get(STORE, entryKey(author, point.sequence)))
        for (;;) {
          // The head first: where it stands already, its entry does too.
          const before = await readHead(author)
          for (let next = await standing(); next; next = await standing()) {
            entries.push(next.entry)
            point = next.point
          }
          if (before && readObject(LOG_HEAD, before.head).sequence >= point.sequence) {
            throw new CentramError(
              'SOURCE_CORRUPT',
              'Entries of this node’s log were lost here. They must come back from other nodes before it can grow.',
            )
          }
          const key = entryKey(author, point.sequence)
          const bytes = write(point)
          // What was begun here and never finished stands in nobody’s way: no head was signed for it.
          const inTheWay = await records.get(STORE, key)
          if (inTheWay !== undefined && !follow(point, inTheWay)) await records.delete(STORE, key)
          const next = follow(point, bytes)
          if (!next) throw new CentramError('BAD_ARGUMENT', 'This is not the entry that goes there.')
          if (!(await records.add(STORE, key, bytes))) continue
          entries.push(next.entry)
          point = next.point
          const head = await sign(point)
          await records.put(STORE, headKey(author), head)
          return { entries, point, head }
        }
      })
    },

    extend: (author, from, entries, head) =>
      locked(author, async () => {
        for (const [index, entry] of entries.entries()) {
          await records.put(STORE, entryKey(author, from + index), entry)
        }
        const kept = await readHead(author)
        const isFurther =
          kept === null || readObject(LOG_HEAD, kept.head).sequence <= readObject(LOG_HEAD, head.head).sequence
        if (isFurther) await records.put(STORE, headKey(author), { head: head.head, signature: head.signature })
      }),

    remove: (author) =>
      locked(author, async () => {
        await records.delete(STORE, headKey(author))
        for (const [key] of await records.list(STORE, entriesOf(author))) await records.delete(STORE, key)
      }),
  }
}

/** The entry of that place, where the record holds it whole. */
function follow(point: LogPoint, value: unknown): { readonly entry: LogEntry; readonly point: LogPoint } | null {
  const read = value instanceof Uint8Array ? readEntry(point, value) : null
  return read && !isRefusal(read) ? read : null
}

/** Null for what this version did not write. The signature is for the reader to verify. */
function readSignedHead(author: string, value: unknown): SignedHead | null {
  if (typeof value !== 'object' || value === null) return null
  const { head, signature } = value as Partial<Record<keyof SignedHead, unknown>>
  if (!(head instanceof Uint8Array) || !(signature instanceof Uint8Array)) return null
  try {
    return equalBytes(readObject(LOG_HEAD, head).author, bytesOf(author)) ? { head, signature } : null
  } catch {
    return null
  }
}

const bytesOf = (key: string) => fromHex(key) ?? new Uint8Array(0)
