// The SQLite file behind the server's copy of the ledger: SQLite as WebAssembly, so that nothing native is built or fetched.
// One process at a time; the file is whole after every statement, whenever the process ends.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { CentramError } from '#core/errors.ts'

export interface KeptHead {
  readonly author: Uint8Array
  readonly sequence: number
  readonly head: Uint8Array
  readonly signature: Uint8Array
}

export interface KeptEntry {
  readonly author: Uint8Array
  readonly sequence: number
  readonly entry: Uint8Array
}

export interface KeptFork {
  readonly author: Uint8Array
  /** Encoded body of PROOF_FORK. */
  readonly fork: Uint8Array
}

export interface KeptWitness {
  readonly seen: Uint8Array
  readonly signature: Uint8Array
}

export interface LedgerDatabase {
  /** The head furthest on. */
  head(author: Uint8Array): KeptHead | null
  headAt(author: Uint8Array, sequence: number): KeptHead | null
  /** The furthest head of each author behind `after`, in order of their keys. */
  heads(after: Uint8Array, limit: number): readonly KeptHead[]
  entries(author: Uint8Array, from: number, limit: number): readonly Uint8Array[]
  /** Entries that may hold royalty terms, behind a place in the order of authors and logs. */
  terms(author: Uint8Array, sequence: number, limit: number): readonly KeptEntry[]
  /** How many of an author's entries are kept, from the first on. */
  length(author: Uint8Array): number
  putEntries(author: Uint8Array, from: number, entries: readonly Uint8Array[], head: KeptHead): void
  fork(author: Uint8Array): KeptFork | null
  forks(after: Uint8Array, limit: number): readonly KeptFork[]
  putFork(fork: KeptFork): void
  witnesses(author: Uint8Array, sequence: number): readonly KeptWitness[]
  putWitness(at: { author: Uint8Array; sequence: number; witness: Uint8Array }, witness: KeptWitness): void
  authors(): number
  /** Of all entries together. */
  bytes(): number
  close(): void
}

/** Heads are kept of so many places behind the tip: an equivocator who comes with an older one is found out too. */
const KEPT_HEADS = 4096

/** Entries that may hold royalty terms: their kind stands in them as text, `royalty-terms`. Who reads one sees whether it does. */
const MAY_BE_TERMS = `instr(entry, x'726f79616c74792d7465726d73') > 0`

const SCHEMA = `
  PRAGMA journal_mode = TRUNCATE;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS entries (author BLOB, sequence INTEGER, entry BLOB NOT NULL, PRIMARY KEY (author, sequence)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS heads (author BLOB, sequence INTEGER, head BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (author, sequence)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS forks (author BLOB PRIMARY KEY, fork BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS witnesses (author BLOB, sequence INTEGER, witness BLOB, seen BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (author, sequence, witness)) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS terms ON entries (author, sequence) WHERE ${MAY_BE_TERMS};
`

type Row = Record<string, unknown> | null

/** Throws `STORAGE_UNAVAILABLE` where another process has the file, or it cannot be opened. */
export function openLedgerDatabase(path: string): LedgerDatabase {
  const own = `${path}.owner`
  mkdirSync(dirname(path), { recursive: true })
  claim(own, path)
  let database: InstanceType<typeof sqlite.Database>
  try {
    // Its lock is a folder, which a process that was killed leaves behind. No other process is at it: that was seen to above.
    rmSync(`${path}.lock`, { recursive: true, force: true })
    database = new sqlite.Database(path)
    database.exec(SCHEMA)
  } catch (cause) {
    rmSync(own, { force: true })
    throw new CentramError(
      'STORAGE_UNAVAILABLE',
      `The copy of the ledger in ${path} cannot be opened. Move the file away, or name another one with --ledger.`,
      { cause },
    )
  }
  const get = (sql: string, values: (Uint8Array | number)[] = []) => database.get(sql, values) as Row
  const all = (sql: string, values: (Uint8Array | number)[]) => database.all(sql, values) as NonNullable<Row>[]
  const headOf = (row: Row): KeptHead | null => (row === null ? null : (row as unknown as KeptHead))
  const numberOf = (row: Row): number => Number(row?.['count'] ?? 0)

  return {
    head: (author) => headOf(get('SELECT * FROM heads WHERE author = ? ORDER BY sequence DESC LIMIT 1', [author])),
    headAt: (author, sequence) =>
      headOf(get('SELECT * FROM heads WHERE author = ? AND sequence = ?', [author, sequence])),
    heads: (after, limit) =>
      all(
        `SELECT h.* FROM heads h JOIN (SELECT author, max(sequence) AS tip FROM heads WHERE author > ? GROUP BY author
           ORDER BY author LIMIT ?) t ON h.author = t.author AND h.sequence = t.tip ORDER BY h.author`,
        [after, limit],
      ) as unknown as KeptHead[],
    entries: (author, from, limit) =>
      all('SELECT entry FROM entries WHERE author = ? AND sequence >= ? ORDER BY sequence LIMIT ?', [
        author,
        from,
        limit,
      ]).map(({ entry }) => entry as Uint8Array),
    terms: (author, sequence, limit) =>
      all(
        `SELECT author, sequence, entry FROM entries WHERE ${MAY_BE_TERMS} AND (author, sequence) > (?, ?)
           ORDER BY author, sequence LIMIT ?`,
        [author, sequence, limit],
      ) as unknown as KeptEntry[],
    length: (author) => numberOf(get('SELECT max(sequence) + 1 AS count FROM entries WHERE author = ?', [author])),
    putEntries(author, from, entries, { sequence, head, signature }) {
      database.exec('BEGIN IMMEDIATE')
      try {
        for (const [index, entry] of entries.entries()) {
          database.run('INSERT OR IGNORE INTO entries VALUES (?, ?, ?)', [author, from + index, entry])
        }
        database.run('INSERT OR IGNORE INTO heads VALUES (?, ?, ?, ?)', [author, sequence, head, signature])
        database.run('DELETE FROM heads WHERE author = ? AND sequence < ?', [author, sequence - KEPT_HEADS])
        database.run('DELETE FROM witnesses WHERE author = ? AND sequence < ?', [author, sequence])
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
    },
    fork: (author) => get('SELECT * FROM forks WHERE author = ?', [author]) as KeptFork | null,
    forks: (after, limit) =>
      all('SELECT * FROM forks WHERE author > ? ORDER BY author LIMIT ?', [after, limit]) as unknown as KeptFork[],
    putFork({ author, fork }) {
      database.run('INSERT OR IGNORE INTO forks VALUES (?, ?)', [author, fork])
    },
    witnesses: (author, sequence) =>
      all('SELECT seen, signature FROM witnesses WHERE author = ? AND sequence = ? ORDER BY witness', [
        author,
        sequence,
      ]) as unknown as KeptWitness[],
    putWitness({ author, sequence, witness }, { seen, signature }) {
      database.run('INSERT OR IGNORE INTO witnesses VALUES (?, ?, ?, ?, ?)', [
        author,
        sequence,
        witness,
        seen,
        signature,
      ])
    },
    authors: () => numberOf(get('SELECT count(DISTINCT author) AS count FROM heads')),
    bytes: () => numberOf(get('SELECT coalesce(sum(length(entry)), 0) AS count FROM entries')),
    close() {
      database.close()
      rmSync(own, { force: true })
    },
  }
}

function claim(own: string, path: string): void {
  for (;;) {
    try {
      writeFileSync(own, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = Number(readFileSync(own, 'utf8'))
    if (owner > 0 && owner !== process.pid && isAlive(owner)) {
      throw new CentramError(
        'STORAGE_UNAVAILABLE',
        `Another Centram (process ${owner}) keeps its copy of the ledger in ${path}. Name another file with --ledger, or ` +
          'start this one with --no-ledger.',
      )
    }
    rmSync(own, { force: true })
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
