// A tab's storage in a real dedicated worker: opens OPFS and IndexedDB, and does what the test asks by name.

import { systemClock } from '../../../worker/net/clock.ts'
import { createModelCache, type CachedSource } from '../../../worker/storage/model-cache.ts'
import { openOpfsBlobs } from '../../../worker/storage/opfs-blobs.ts'
import type { OriginSource } from '../../../worker/storage/origin-source.ts'
import { openIndexedDbRecords } from '../../../worker/storage/records.ts'
import { createRunStore, type RunStore } from '../../../worker/storage/run-store.ts'

export const PIECE_BYTES = 65_536

/** Byte `i` of the model that the tests store. */
export function byteAt(i: number): number {
  return (i * 31 + (i >> 8) * 7) & 255
}

export interface StorageCall {
  readonly id: number
  readonly name: keyof typeof calls
  readonly args: readonly unknown[]
}

let fetched = 0

function createOrigin(size: number, version: string): OriginSource {
  return {
    key: 'https://models.example/m.gguf',
    name: 'm.gguf',
    size,
    version,
    async read(offset, length) {
      // Slow enough that two tabs are at it together.
      await new Promise((resolve) => setTimeout(resolve, 2))
      fetched += length
      return Uint8Array.from({ length }, (_, i) => byteAt(offset + i))
    },
  }
}

async function openCache(size: number, version: string): Promise<CachedSource> {
  const records = await openIndexedDbRecords('centram-storage-test')
  const blobs = await openOpfsBlobs(navigator.storage, 'storage-test', systemClock)
  const withLock = <T>(name: string, work: () => Promise<T>): Promise<T> => navigator.locks.request(name, work)
  return createModelCache({ blobs, records, withLock, pieceBytes: PIECE_BYTES }).open(createOrigin(size, version))
}

async function openRuns(): Promise<RunStore> {
  const records = await openIndexedDbRecords('centram-storage-test')
  const blobs = await openOpfsBlobs(navigator.storage, 'storage-test', systemClock)
  const withLock = <T>(name: string, work: () => Promise<T>): Promise<T> => navigator.locks.request(name, work)
  return createRunStore({ blobs, records, withLock })
}

const RUN = { id: 'run', owner: 'me', about: null }
const CHECKPOINT_BYTES = 500_000

const calls = {
  async clear() {
    const records = await openIndexedDbRecords('centram-storage-test')
    for (const store of ['model-bytes', 'runs', 'a', 'b']) {
      for (const key of await records.keys(store)) await records.delete(store, key)
    }
    const blobs = await openOpfsBlobs(navigator.storage, 'storage-test', systemClock)
    for (const name of await blobs.list()) await blobs.remove(name)
    fetched = 0
  },
  async records() {
    const records = await openIndexedDbRecords('centram-storage-test')
    await records.put('a', 'x', { bytes: Uint8Array.of(1, 2), list: [1, { two: 2 }] })
    await records.put('a', 'y', 1)
    await records.put('b', 'x', 'other')
    await records.put('a', 'y', 2)
    await records.delete('a', 'absent')
    const found = {
      x: await records.get('a', 'x'),
      y: await records.get('a', 'y'),
      other: await records.get('b', 'x'),
      absent: await records.get('c', 'x'),
      keys: await records.keys('a'),
      none: await records.keys('c'),
    }
    await records.delete('a', 'x')
    return { ...found, left: await records.keys('a') }
  },
  async blobs() {
    const blobs = await openOpfsBlobs(navigator.storage, 'storage-test', systemClock)
    const file = await blobs.open('one')
    await file.write(10, Uint8Array.of(1, 2, 3))
    await file.flush()
    const again = await blobs.open('one').then(
      () => 'opened twice',
      (error: unknown) => (error as { code?: string }).code,
    )
    const middle = await file.read(9, 3)
    const past = await file.read(12, 100)
    const beyond = await file.read(50, 10)
    await file.truncate(12)
    const size = file.size
    await file.close()
    const reopened = await blobs.open('one')
    const kept = await reopened.read(0, 100)
    await reopened.close()
    const names = await blobs.list()
    await blobs.remove('one')
    await blobs.remove('one')
    const estimate = await blobs.estimate()
    return {
      again,
      middle,
      past,
      beyond,
      size,
      kept,
      names,
      after: await blobs.list(),
      quota: (estimate?.quota ?? 0) > 0,
    }
  },
  async ensure(size: number, version: string) {
    const source = await openCache(size, version)
    const before = source.storedBytes()
    await source.ensure([{ start: 0, end: size }])
    return { before, after: source.storedBytes(), fetched }
  },
  async check(size: number, version: string) {
    const source = await openCache(size, version)
    const stored = source.storedBytes()
    const bytes = await source.read(0, size)
    return { stored, wrong: bytes.findIndex((byte, i) => byte !== byteAt(i)), fetched }
  },
  /** Stores the next checkpoint, and then one after another until the tab dies. */
  async train() {
    const runs = await openRuns()
    if ((await runs.list('me')).length === 0) await runs.create(RUN, [])
    const first = ((await runs.readCheckpoint('run'))?.step ?? 0) + 1
    const put = (step: number) =>
      runs.putCheckpoint('run', { step, bytes: new Uint8Array(CHECKPOINT_BYTES).fill(step & 255) }, { step })
    const goOn = async () => {
      for (let step = first + 1; ; step++) await put(step)
    }
    await put(first)
    void goOn()
    return first
  },
  async checkpoint() {
    const runs = await openRuns()
    const checkpoint = await runs.readCheckpoint('run')
    const [run] = await runs.list('me')
    const { step = 0, bytes } = checkpoint ?? {}
    const whole = bytes?.length === CHECKPOINT_BYTES && bytes.every((byte) => byte === (step & 255))
    return { step, whole, about: run?.about }
  },
}

self.addEventListener('message', (event: MessageEvent<StorageCall>) => {
  const { id, name, args } = event.data
  const call = calls[name] as (...list: readonly unknown[]) => Promise<unknown>
  call(...args).then(
    (value) => postMessage({ id, value }),
    (error: unknown) => postMessage({ id, error: String(error) }),
  )
})
