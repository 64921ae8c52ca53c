// The records of a headless node in one SQLite file: values as V8 writes structured clones. A record is whole or not there,
// whenever the process ends.

import { rmSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import sqlite from 'node-sqlite3-wasm'
import { concatBytes, utf8 } from '#core/crypto/bytes.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { Records } from '../../worker/storage/records.ts'

export interface SqliteRecords extends Records {
  close(): void
}

/** No text in UTF-8 has this byte, so it comes behind all that begin alike. */
const LAST = new Uint8Array([0xff])
// One sync of the disk a record; the write-ahead log needs the file for itself where there is no shared memory.
const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS records (store TEXT, key BLOB, value BLOB NOT NULL, PRIMARY KEY (store, key)) STRICT, WITHOUT ROWID;
`

/** No other process may have the file open: see to that before. */
export function openSqliteRecords(path: string): SqliteRecords {
  let database: InstanceType<typeof sqlite.Database>
  try {
    // Its lock is a folder, which a process that was killed leaves behind.
    rmSync(`${path}.lock`, { recursive: true, force: true })
    database = new sqlite.Database(path)
    database.exec(SCHEMA)
  } catch (cause) {
    throw unavailable(path, cause)
  }

  const guarded = async <T>(work: () => T): Promise<T> => {
    try {
      return work()
    } catch (cause) {
      if (/disk is full/i.test(errorMessage(cause))) {
        throw new CentramError(
          'STORAGE_FULL',
          `The disk that holds ${path} is full. Free some space, or remove a model.`,
          { cause },
        )
      }
      throw unavailable(path, cause)
    }
  }
  const all = (sql: string, values: (string | Uint8Array)[]) => database.all(sql, values) as Record<string, unknown>[]
  const write = (store: string, key: string, value: unknown, verb: 'INSERT' | 'REPLACE') =>
    database.run(`${verb} INTO records VALUES (?, ?, ?)`, [store, utf8(key), serialize(value)])
  const read = (store: string, key: string) =>
    database.get('SELECT value FROM records WHERE store = ? AND key = ?', [store, utf8(key)]) as Record<
      string,
      unknown
    > | null

  return {
    get: (store, key) =>
      guarded(() => {
        const row = read(store, key)
        return row === null ? undefined : valueOf(row)
      }),
    put: (store, key, value) => guarded(() => void write(store, key, value, 'REPLACE')),
    delete: (store, key) =>
      guarded(() => void database.run('DELETE FROM records WHERE store = ? AND key = ?', [store, utf8(key)])),
    keys: (store) => guarded(() => all('SELECT key FROM records WHERE store = ? ORDER BY key', [store]).map(keyOf)),
    add: (store, key, value) =>
      guarded(() => {
        if (read(store, key) !== null) return false
        write(store, key, value, 'INSERT')
        return true
      }),
    list: (store, prefix) =>
      guarded(() =>
        all('SELECT key, value FROM records WHERE store = ? AND key >= ? AND key < ? ORDER BY key', [
          store,
          utf8(prefix),
          concatBytes(utf8(prefix), LAST),
        ]).map((row) => [keyOf(row), valueOf(row)] as const),
      ),
    close: () => database.close(),
  }
}

/** Keys are kept as bytes: the library ends a text at its first zero. */
function keyOf(row: Record<string, unknown>): string {
  return new TextDecoder().decode(row['key'] as Uint8Array)
}

/** A copy, so that no value is a view of more than itself. */
function valueOf(row: Record<string, unknown>): unknown {
  return structuredClone(deserialize(row['value'] as Uint8Array))
}

function unavailable(path: string, cause: unknown): CentramError {
  return new CentramError(
    'STORAGE_UNAVAILABLE',
    `The records of this node in ${path} cannot be read or written (${errorMessage(cause)}). Look at the disk and at who may ` +
      'write there; a file that is damaged can be moved away, and the node starts without what it held.',
    { cause },
  )
}
