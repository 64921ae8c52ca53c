import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed } from '#core/crypto/identity.ts'
import { errorCode } from '#core/errors.ts'
import { signHead, startOfLog, writeEntry, type LogEntry, type LogPoint, type SignedHead } from '#core/ledger/log.ts'
import { CREDIT_GRANT } from '#core/protocol/messages/ledger.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { encodeObject, readObject } from '#core/protocol/signed-object.ts'
import { createLedgerStore, type LedgerStore } from '../../../worker/storage/ledger-store.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'

const SELF = identityFromSeed(new Uint8Array(32).fill(7))
const AUTHOR = toHex(SELF.publicKey)

let records: Records
let store: LedgerStore
let count: number

const START = startOfLog(SELF.publicKey)

/** Grants that nobody signed: signatures are for others to verify. */
function write(point: LogPoint): Uint8Array {
  const grant = {
    creditor: SELF.publicKey,
    debtor: new Uint8Array(32),
    limit: 5,
    version: ++count,
    expiresAt: null,
    at: 1,
  }
  return writeEntry(point, 'grant', encodeObject(CREDIT_GRANT, grant), [new Uint8Array(64)], 1000 + count)
}
const sign = (point: LogPoint) => signHead(point, 5000, SELF)

/** Locks of one browser, over which its tabs stand in line. */
function createLocks() {
  const ends = new Map<string, Promise<unknown>>()
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const next = (ends.get(name) ?? Promise.resolve()).then(work)
    ends.set(
      name,
      next.catch(() => undefined),
    )
    return next
  }
}

async function appendTimes(times: number, known = START): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  let point = known
  for (let time = 0; time < times; time++) {
    const added = await store.append(point, write, sign)
    entries.push(...added.entries)
    point = added.point
  }
  return entries
}

const bytesOf = (entries: readonly LogEntry[]) => entries.map(({ bytes }) => bytes)

const keyOf = (sequence: number) => `entry/${AUTHOR}/${String(sequence).padStart(16, '0')}`

beforeEach(() => {
  count = 0
  records = createMemoryRecords()
  store = createLedgerStore({ records, withLock: createLocks() })
})

test('a log is read as it was written, with the head of its last entry', async () => {
  const entries = await appendTimes(5)
  const log = await store.read(AUTHOR)
  expect(log.entries).toEqual(entries)
  expect(log.point).toMatchObject({ sequence: 5, previous: entries[4]?.hash })
  expect(readObject(LOG_HEAD, log.head?.head as Uint8Array)).toMatchObject({ sequence: 4, entry: entries[4]?.hash })
  expect(await store.range(AUTHOR, 3, 10)).toEqual(bytesOf(entries.slice(3)))
  expect(await store.authors()).toEqual([AUTHOR])
  await store.remove(AUTHOR)
  expect(await store.read(AUTHOR)).toEqual({ entries: [], point: START, head: null })
})

describe('what was torn', () => {
  test('is cut at every length: the last whole prefix is read, and nothing after it', async () => {
    const entries = await appendTimes(3)
    const middle = (entries[1] as LogEntry).bytes
    for (let length = 0; length < middle.length; length += 11) {
      await records.put('ledger', keyOf(1), middle.slice(0, length))
      expect((await store.read(AUTHOR)).entries).toEqual(entries.slice(0, 1))
    }
    await records.delete('ledger', keyOf(1))
    expect((await store.read(AUTHOR)).entries).toEqual(entries.slice(0, 1))
  })

  test('or holds one flipped bit does not chain to what follows', async () => {
    const entries = await appendTimes(3)
    const middle = (entries[1] as LogEntry).bytes
    for (let bit = 0; bit < middle.length * 8; bit += 61) {
      const flipped = middle.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      await records.put('ledger', keyOf(1), flipped)
      expect((await store.read(AUTHOR)).entries.length).toBeLessThanOrEqual(2)
    }
  })

  test('is not written over while a head was signed for it, and grows again once it is back', async () => {
    const entries = await appendTimes(3)
    const head = (await store.read(AUTHOR)).head as SignedHead
    await records.put('ledger', keyOf(2), entries[2]?.bytes.slice(0, 50))
    const { point } = await store.read(AUTHOR)
    expect(point.sequence).toBe(2)
    expect(await store.append(point, write, sign).catch(errorCode)).toBe('SOURCE_CORRUPT')
    await store.extend(AUTHOR, 2, bytesOf(entries.slice(2)), head)
    expect((await store.append(point, write, sign)).entries).toHaveLength(2)
  })

  test('before a head was signed for it makes room for the next entry', async () => {
    const entries = await appendTimes(2)
    await records.put('ledger', keyOf(2), (entries[1] as LogEntry).bytes.slice(0, 30))
    expect(await appendTimes(1, (await store.read(AUTHOR)).point)).toHaveLength(1)
    expect((await store.read(AUTHOR)).entries).toHaveLength(3)
  })

  test('between an entry and its head keeps the entry', async () => {
    await appendTimes(2)
    const { point, head } = await store.read(AUTHOR)
    await appendTimes(1, point)
    await records.put('ledger', `head/${AUTHOR}`, head)
    const kept = await store.read(AUTHOR)
    expect(kept.entries).toHaveLength(3)
    expect(kept.head).toEqual(head)
    expect(await appendTimes(1, point)).toHaveLength(2)
  })
})

describe('tabs of one identity', () => {
  /** Lets others have their turn before each operation, as a database does. */
  const slow = (inner: Records): Records => {
    const pause = () => new Promise((resolve) => setImmediate(resolve))
    return {
      ...inner,
      get: (...args) => pause().then(() => inner.get(...args)),
      put: (...args) => pause().then(() => inner.put(...args)),
      add: (...args) => pause().then(() => inner.add(...args)),
    }
  }

  async function race(withLock: ReturnType<typeof createLocks>): Promise<void> {
    const tabs = [1, 2, 3].map(() => createLedgerStore({ records: slow(records), withLock }))
    await Promise.all(
      tabs.map(async (tab) => {
        let point = START
        for (let time = 0; time < 10; time++) point = (await tab.append(point, write, sign)).point
      }),
    )
    const { entries } = await store.read(AUTHOR)
    expect(entries).toHaveLength(30)
    expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(30)
  }

  test('write one log', () => race(createLocks()))
  test('write one log even where there are no locks', () => race((_name, work) => work()))
})
