// Small structured records in named stores: a node's key, its settings, what it has of each model. IndexedDB in a
// browser, a map in tests and simulations.

import { openDB, type IDBPDatabase } from 'idb'
import { CentramError, errorMessage } from '#core/errors.ts'

/** Values are structured-cloneable. What comes back was written by some version of this program: check it. */
export interface Records {
  get(store: string, key: string): Promise<unknown>
  put(store: string, key: string, value: unknown): Promise<void>
  delete(store: string, key: string): Promise<void>
  keys(store: string): Promise<string[]>
  /** Puts what is not there yet, and is on the disk when it returns; false, with nothing changed, where something is. */
  add(store: string, key: string, value: unknown): Promise<boolean>
  /** Everything whose key begins with `prefix`, in order of the keys. */
  list(store: string, prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>
}

// One object store under compound keys, so that a new kind of record needs no new database version.
const OBJECT_STORE = 'records'
const VERSION = 1

export async function openIndexedDbRecords(databaseName: string): Promise<Records> {
  let database: IDBPDatabase
  try {
    database = await openDB(databaseName, VERSION, {
      upgrade(upgrading) {
        upgrading.createObjectStore(OBJECT_STORE)
      },
      // A later version of the page waits for this connection to go.
      blocking: () => database.close(),
    })
  } catch (cause) {
    throw unavailable(cause)
  }
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      throw isQuotaError(cause) ? full(cause) : unavailable(cause)
    }
  }
  return {
    get: (store, key) => guarded(() => database.get(OBJECT_STORE, [store, key]) as Promise<unknown>),
    put: (store, key, value) =>
      guarded(async () => {
        await database.put(OBJECT_STORE, value, [store, key])
      }),
    delete: (store, key) => guarded(() => database.delete(OBJECT_STORE, [store, key])),
    keys: (store) =>
      guarded(async () => {
        // Arrays sort after strings, so this spans every key of the store.
        const range = IDBKeyRange.bound([store], [store, []])
        const keys = (await database.getAllKeys(OBJECT_STORE, range)) as unknown as [string, string][]
        return keys.map(([, key]) => key)
      }),
    add: (store, key, value) =>
      guarded(async () => {
        // One transaction, so that of two tabs one alone finds nothing there.
        const transaction = database.transaction(OBJECT_STORE, 'readwrite', { durability: 'strict' })
        const isFree = (await transaction.store.getKey([store, key])) === undefined
        if (isFree) await transaction.store.add(value, [store, key])
        await transaction.done
        return isFree
      }),
    list: (store, prefix) =>
      guarded(async () => {
        const range = IDBKeyRange.bound([store, prefix], [store, `${prefix}\uffff`])
        const transaction = database.transaction(OBJECT_STORE)
        const [keys, values] = await Promise.all([transaction.store.getAllKeys(range), transaction.store.getAll(range)])
        return keys.map((key, index) => [(key as [string, string])[1], values[index] as unknown] as const)
      }),
  }
}

export function createMemoryRecords(): Records {
  const stores = new Map<string, Map<string, unknown>>()
  const storeNamed = (name: string): Map<string, unknown> => {
    const store = stores.get(name) ?? new Map<string, unknown>()
    stores.set(name, store)
    return store
  }
  return {
    get: async (store, key) => structuredClone(storeNamed(store).get(key)),
    put: async (store, key, value) => {
      storeNamed(store).set(key, structuredClone(value))
    },
    delete: async (store, key) => {
      storeNamed(store).delete(key)
    },
    keys: async (store) => [...storeNamed(store).keys()].sort(),
    add: async (store, key, value) => {
      const named = storeNamed(store)
      if (named.has(key)) return false
      named.set(key, structuredClone(value))
      return true
    },
    list: async (store, prefix) =>
      [...storeNamed(store)]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, structuredClone(value)] as const),
  }
}

export function isQuotaError(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'QuotaExceededError'
}

function full(cause: unknown): CentramError {
  return new CentramError(
    'STORAGE_FULL',
    'The browser has no room left for this site. Remove a model, or free space on the disk, and try again.',
    { cause },
  )
}

function unavailable(cause: unknown): CentramError {
  return new CentramError(
    'STORAGE_UNAVAILABLE',
    `The browser does not let this site store anything (${errorMessage(cause)}). Leave private browsing, or allow site ` +
      'data for this address, and reload.',
    { cause },
  )
}
