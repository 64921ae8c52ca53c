// The model cache under everything that may happen to a download: breaks, a tab that dies, a full disk, another tab,
// a file that changed, and bytes that are not what they should be.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { ByteRange } from '#core/formats/range-set.ts'
import { createMemoryBlobs, type MemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createModelCache, type ModelCacheParts } from '../../../worker/storage/model-cache.ts'
import { createBlobSource, type OriginSource } from '../../../worker/storage/origin-source.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { createLocks, expectSameBytes, noise } from './fixtures.ts'

// A small stand-in, so that files of many pieces are few bytes.
const MB = 4096
const PIECE = 4 * MB
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

interface CountingOrigin extends OriginSource {
  /** Bytes read so far. */
  fetched: number
  before: ((offset: number, length: number) => void | Promise<void>) | undefined
}

function createOrigin(bytes: Uint8Array, version = 'v1'): CountingOrigin {
  return {
    name: 'model.gguf',
    key: 'https://models.example/model.gguf',
    size: bytes.length,
    version,
    fetched: 0,
    before: undefined,
    async read(offset, length, signal) {
      await this.before?.(offset, length)
      if (signal?.aborted) throw new CentramError('CANCELLED', 'stopped')
      this.fetched += length
      return bytes.slice(offset, offset + length)
    },
  }
}

interface Disk extends ModelCacheParts {
  readonly blobs: MemoryBlobs
}

function createDisk(quota?: number): Disk {
  return { blobs: createMemoryBlobs(quota), records: createMemoryRecords(), withLock: createLocks(), pieceBytes: PIECE }
}

const whole = (origin: OriginSource): ByteRange[] => [{ start: 0, end: origin.size }]

describe('reading', () => {
  test('any reads give the bytes of the file, each fetched once', async () => {
    const bytes = noise(5000)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(4999), fc.nat(2000)), { maxLength: 12 }), async (reads) => {
        const origin = createOrigin(bytes)
        const source = await createModelCache(createDisk()).open(origin)
        const touched = new Set<number>()
        for (const [offset, wanted] of reads) {
          const length = Math.min(wanted, 5000 - offset)
          expectSameBytes(await source.read(offset, length), bytes.slice(offset, offset + length))
          for (let at = offset; at < offset + length; at++) touched.add(at)
        }
        expect(origin.fetched).toBe(touched.size)
        expect(source.storedBytes()).toBe(touched.size)
      }),
      { numRuns: 50 },
    )
  })

  test('a range past the end is refused', async () => {
    const source = await createModelCache(createDisk()).open(createOrigin(noise(10)))
    await expect(source.read(5, 6)).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
    await expect(source.ensure([{ start: 0, end: 11 }])).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
  })

  test('a file the browser cleared away is fetched again', async () => {
    const disk = createDisk()
    const origin = createOrigin(noise(3000))
    const source = await createModelCache(disk).open(origin)
    await source.ensure(whole(origin))
    for (const name of await disk.blobs.list()) await disk.blobs.remove(name)
    expectSameBytes(await source.read(100, 50), noise(3000).slice(100, 150))
    const again = await createModelCache(disk).open(origin)
    expect(again.storedBytes()).toBeLessThan(3000)
    await again.ensure(whole(origin))
    expectSameBytes(await again.read(0, 3000), noise(3000))
  })
})

describe('downloading', () => {
  test('comes in pieces, a few at once, with progress', async () => {
    const bytes = noise(30 * MB)
    const origin = createOrigin(bytes)
    let running = 0
    let most = 0
    const lengths: number[] = []
    origin.before = async (_, length) => {
      lengths.push(length)
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
    }
    const source = await createModelCache(createDisk()).open(origin)
    const progress: number[] = []
    await source.ensure(whole(origin), { onProgress: (stored, wanted) => progress.push(stored / wanted) })
    expect(Math.max(...lengths)).toBe(4 * MB)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
    expect(progress[0]).toBe(0)
    expect(progress.at(-1)).toBe(1)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(sha256(await source.read(0, origin.size))).toBe(sha256(bytes))
    expect(origin.fetched).toBe(bytes.length)
  })

  test('fetches only the ranges that are wanted', async () => {
    const origin = createOrigin(noise(10 * MB))
    const source = await createModelCache(createDisk()).open(origin)
    const wanted = [
      { start: MB, end: 2 * MB },
      { start: 7 * MB, end: 7 * MB + 10 },
    ]
    expect(source.missing(wanted)).toEqual(wanted)
    await source.ensure(wanted)
    expect(origin.fetched).toBe(MB + 10)
    expect(source.missing(wanted)).toEqual([])
    await source.ensure(wanted)
    expect(origin.fetched).toBe(MB + 10)
  })

  test('goes on after a break and after the tab was closed', async () => {
    const disk = createDisk()
    const bytes = noise(20 * MB)
    const origin = createOrigin(bytes)
    let reads = 0
    origin.before = () => {
      if (++reads === 3) throw new CentramError('SOURCE_UNREACHABLE', 'gone')
    }
    const first = await createModelCache(disk).open(origin)
    await expect(first.ensure(whole(origin))).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    const kept = first.storedBytes()
    expect(kept).toBeGreaterThan(0)

    disk.blobs.crash()
    const second = await createModelCache(disk).open(createOrigin(bytes))
    expect(second.storedBytes()).toBe(kept)
    origin.fetched = 0
    const third = await createModelCache(disk).open(origin)
    await third.ensure(whole(origin), {})
    expect(origin.fetched).toBe(bytes.length - kept)
    expect(sha256(await third.read(0, bytes.length))).toBe(sha256(bytes))
  })

  test('stops when told to and keeps what it has', async () => {
    const origin = createOrigin(noise(60 * MB))
    const controller = new AbortController()
    let reads = 0
    origin.before = () => {
      if (++reads === 6) controller.abort()
    }
    const source = await createModelCache(createDisk()).open(origin)
    await expect(source.ensure(whole(origin), { signal: controller.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(source.storedBytes()).toBeGreaterThan(0)
    expect(source.storedBytes()).toBeLessThan(60 * MB)
  })
})

test('a piece is at most 4 MiB unless said otherwise', async () => {
  const { blobs, records, withLock } = createDisk()
  const origin = createOrigin(noise(9 * 1024 * 1024))
  const lengths: number[] = []
  origin.before = (_, length) => void lengths.push(length)
  await (await createModelCache({ blobs, records, withLock }).open(origin)).ensure(whole(origin))
  expect(lengths).toEqual([4, 4, 1].map((size) => size * 1024 * 1024))
})

describe('a tab that dies while it writes', () => {
  test('never leaves bytes that read back wrong', async () => {
    const bytes = noise(9 * MB)
    // At which blob operation it dies, and how much of an unflushed write reached the disk.
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.nat(5 * MB), async (dieAt, kept) => {
        const disk = createDisk()
        let operations = 0
        disk.blobs.fault = () => {
          if (++operations === dieAt) {
            disk.blobs.fault = () => {
              throw new CentramError('STORAGE_UNAVAILABLE', 'dead')
            }
            throw new CentramError('STORAGE_UNAVAILABLE', 'dead')
          }
        }
        const dying = createModelCache(disk)
          .open(createOrigin(bytes))
          .then((source) => source.ensure(whole(createOrigin(bytes))))
        await dying.catch(() => undefined)
        disk.blobs.fault = undefined
        disk.blobs.crash(kept)

        const origin = createOrigin(bytes)
        const source = await createModelCache({ ...disk, withLock: createLocks() }).open(origin, {
          sha256: sha256(bytes),
        })
        await source.ensure(whole(origin))
        expect(sha256(await source.read(0, bytes.length))).toBe(sha256(bytes))
      }),
      { numRuns: 25 },
    )
  })
})

describe('the check of the whole file', () => {
  test('passes for the right bytes, once', async () => {
    const bytes = noise(5 * MB)
    const disk = createDisk()
    const source = await createModelCache(disk).open(createOrigin(bytes), { sha256: sha256(bytes) })
    await source.ensure(whole(source))
    let reads = 0
    disk.blobs.fault = (operation) => {
      if (operation === 'read') reads++
    }
    await source.ensure([{ start: 0, end: 5 * MB }])
    expect(reads).toBe(0)
  })

  test('deletes a copy with a wrong byte and says so', async () => {
    const bytes = noise(5 * MB)
    const wrong = bytes.slice()
    wrong[3 * MB] = (wrong[3 * MB] ?? 0) ^ 1
    const disk = createDisk()
    const origin = createOrigin(wrong)
    const source = await createModelCache(disk).open(origin, { sha256: sha256(bytes) })
    await expect(source.ensure(whole(origin))).rejects.toMatchObject({
      code: 'SOURCE_CORRUPT',
      message: expect.stringContaining('deleted'),
    })
    expect(source.storedBytes()).toBe(0)
    expect(await disk.blobs.list()).toEqual([])
    expect(await disk.records.keys('model-bytes')).toEqual([])
  })
})

describe('room', () => {
  test('too little is said before anything is fetched', async () => {
    const origin = createOrigin(noise(80 * MB))
    const source = await createModelCache(createDisk(50 * MB)).open(origin)
    await expect(source.ensure(whole(origin))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringMatching(/0\.3 MB are still to be stored and the browser has 0\.2 MB left/),
    })
    expect(origin.fetched).toBe(0)
  })

  test('a disk that fills up on the way keeps what it has', async () => {
    const disk = createDisk(10 * MB)
    disk.blobs.estimate = async () => undefined
    const origin = createOrigin(noise(20 * MB))
    const source = await createModelCache(disk).open(origin)
    await expect(source.ensure(whole(origin))).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(source.storedBytes()).toBeGreaterThan(0)
    // Reading goes on without storing.
    expectSameBytes(await source.read(19 * MB, 100), noise(20 * MB).slice(19 * MB, 19 * MB + 100))
  })
})

describe('another version', () => {
  test.each([
    ['another ETag', noise(3000, 2), 'v2'],
    ['another size', noise(3100, 1), 'v1'],
  ])('with %s replaces the stored one', async (_, bytes, version) => {
    const disk = createDisk()
    const cache = createModelCache(disk)
    const old = createOrigin(noise(3000))
    await (await cache.open(old)).ensure(whole(old))
    const origin = createOrigin(bytes, version)
    const source = await cache.open(origin)
    expect(source.storedBytes()).toBe(0)
    await source.ensure(whole(origin))
    expectSameBytes(await source.read(0, bytes.length), bytes)
  })

  test('is not mixed into by a tab that still holds the old one', async () => {
    const disk = createDisk()
    const oldTab = await createModelCache(disk).open(createOrigin(noise(3000)))
    const origin = createOrigin(noise(3000, 2), 'v2')
    const newTab = await createModelCache(disk).open(origin)
    await newTab.ensure([{ start: 0, end: 1000 }])
    await expect(oldTab.ensure([{ start: 1000, end: 2000 }])).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    await newTab.ensure(whole(origin))
    expectSameBytes(await newTab.read(0, 3000), noise(3000, 2))
  })
})

test('two tabs fill one file together', async () => {
  const disk = createDisk()
  const bytes = noise(40 * MB)
  const origins = [createOrigin(bytes), createOrigin(bytes)]
  for (const origin of origins) origin.before = () => new Promise(setImmediate)
  const tabs = await Promise.all(origins.map((origin) => createModelCache(disk).open(origin)))
  await Promise.all(tabs.map((tab) => tab.ensure(whole(tab as unknown as OriginSource))))
  const fetched = origins.reduce((sum, origin) => sum + origin.fetched, 0)
  expect(fetched).toBe(bytes.length)
  for (const tab of tabs) expect(sha256(await tab.read(0, bytes.length))).toBe(sha256(bytes))
})

test('waiting for another tab can be called off', async () => {
  const disk = createDisk()
  const origin = createOrigin(noise(3000))
  let release = (): void => undefined
  const busy = disk.withLock(`centram-piece:${origin.key}:0`, () => new Promise<void>((resolve) => (release = resolve)))
  const source = await createModelCache(disk).open(origin)
  const controller = new AbortController()
  const ensuring = source.ensure(whole(origin), { signal: controller.signal })
  await new Promise(setImmediate)
  controller.abort()
  await expect(ensuring).rejects.toMatchObject({ code: 'CANCELLED' })
  release()
  await busy
  await source.ensure(whole(origin))
  expect(origin.fetched).toBe(3000)
})

describe('without the origin', () => {
  test('what is stored reads, the rest says why not', async () => {
    const disk = createDisk()
    const origin = createOrigin(noise(3000))
    await (await createModelCache(disk).open(origin)).ensure([{ start: 0, end: 2000 }])
    const cache = createModelCache(disk)
    expect(await cache.openStored('elsewhere')).toBeUndefined()
    const source = await cache.openStored(origin.key)
    expectSameBytes(await source?.read(500, 1000), noise(3000).slice(500, 1500))
    await expect(source?.read(1900, 200)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect(await cache.keys()).toEqual([origin.key])
    expect(await cache.storedBytes(origin.key)).toBe(2000)
    await cache.remove(origin.key)
    expect(await cache.storedBytes(origin.key)).toBe(0)
    expect(await disk.blobs.list()).toEqual([])
  })

  test('a record that cannot be read is as none', async () => {
    const disk = createDisk()
    const origin = createOrigin(noise(3000))
    for (const value of ['x', null, { name: 'm', size: 3000, ranges: [{ start: 0, end: 4000 }] }, { size: -1 }]) {
      await disk.records.put('model-bytes', origin.key, value)
      expect((await createModelCache(disk).open(origin)).storedBytes()).toBe(0)
    }
  })
})

test('a dropped file is a source', async () => {
  const bytes = noise(1000)
  const source = createBlobSource('m.gguf', new File([bytes], 'm.gguf', { lastModified: 5 }))
  expect(source).toMatchObject({ name: 'm.gguf', size: 1000, version: '5', key: 'file:m.gguf:1000' })
  expectSameBytes(await source.read(10, 20), bytes.slice(10, 30))
  await expect(source.read(990, 20)).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
})

describe('files that the browser cleared away under a record', () => {
  test('are not taken for stored because a later write made the file long again', async () => {
    const bytes = noise(9 * MB)
    const disk = createDisk()
    const origin = createOrigin(bytes)
    const before = await createModelCache(disk).open(origin)
    await before.ensure([{ start: 0, end: PIECE }])
    for (const name of await disk.blobs.list()) await disk.blobs.remove(name)

    const after = await createModelCache(disk).open(origin)
    await after.ensure([{ start: 2 * PIECE, end: bytes.length }])
    expect(sha256(await after.read(0, bytes.length))).toBe(sha256(bytes))
    // The tab that was open all the while knows no better than the record.
    expect(sha256(await before.read(0, bytes.length))).toBe(sha256(bytes))
  })

  test('nor because the record of that write was lost', async () => {
    const bytes = noise(9 * MB)
    const disk = createDisk()
    const origin = createOrigin(bytes)
    await (await createModelCache(disk).open(origin)).ensure([{ start: 0, end: PIECE }])
    for (const name of await disk.blobs.list()) await disk.blobs.remove(name)

    // The tab dies between the bytes and their record.
    let dead = false
    const records: Records = {
      ...disk.records,
      put: async (store, key, value) => {
        if (!dead) await disk.records.put(store, key, value)
      },
    }
    const open = disk.blobs.open.bind(disk.blobs)
    disk.blobs.open = async (name) => {
      const file = await open(name)
      const { flush } = file
      return Object.assign(file, { flush: () => ((dead = true), flush()) })
    }
    await (await createModelCache({ ...disk, records }).open(origin)).ensure([{ start: 2 * PIECE, end: bytes.length }])

    const after = await createModelCache(disk).open(origin)
    expect(sha256(await after.read(0, bytes.length))).toBe(sha256(bytes))
  })
})
