// What a headless node keeps: records and blobs that do what those in memory do, through restarts, and a folder for one process.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openDataFolder } from '../../../signaling-server/headless/data-folder.ts'
import { openFileBlobs } from '../../../signaling-server/headless/file-blobs.ts'
import { adoptSeed, openKeyFile, prepareSuccessor } from '../../../signaling-server/headless/key-file.ts'
import { createLocks } from '../../../signaling-server/headless/locks.ts'
import { openSqliteRecords } from '../../../signaling-server/headless/sqlite-records.ts'
import { createMemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { seeded } from '../../core/numeric/seeded.ts'

/** Uniform in [0, 1). */
function fractions(seed: number): () => number {
  const draw = seeded(seed)
  return () => (draw() + 1) / 2
}

const folder = mkdtempSync(join(tmpdir(), 'centram-storage-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('records', () => {
  const VALUES = [
    'text',
    7,
    null,
    { bytes: new Uint8Array([1, 2, 3]).subarray(1), list: [1n, new Map([['a', 1]])] },
    new Float32Array([0.5, -1]),
    true,
  ]
  const KEYS = ['a', 'a/1', 'a/2', 'b', 'name/ü', '100%', 'a\u0000']

  test('hold what records in memory hold, whatever is done to them, and hold it after a restart', async () => {
    const path = join(folder, 'records.sqlite')
    const expected = createMemoryRecords()
    let records = openSqliteRecords(path)
    const draw = fractions(11)
    const pick = <T>(list: readonly T[]) => list[Math.floor(draw() * list.length)] as T
    for (let step = 0; step < 40; step++) {
      const [store, key, value] = [pick(['settings', 'models']), pick(KEYS), pick(VALUES)]
      const work = pick(['put', 'put', 'add', 'delete'])
      if (work === 'put') await Promise.all([records.put(store, key, value), expected.put(store, key, value)])
      else if (work === 'add') {
        expect(await records.add(store, key, value)).toBe(await expected.add(store, key, value))
      } else await Promise.all([records.delete(store, key), expected.delete(store, key)])
      if (step % 20 === 19) {
        records.close()
        records = openSqliteRecords(path)
      }
      expect(await records.get(store, key)).toEqual(await expected.get(store, key))
    }
    for (const store of ['settings', 'models', 'other']) {
      expect(await records.keys(store)).toEqual(await expected.keys(store))
      for (const prefix of ['', 'a', 'a/', 'z']) {
        expect(await records.list(store, prefix)).toEqual(await expected.list(store, prefix))
      }
    }
    records.close()
  })

  test('open after a process was killed, which leaves the lock of SQLite behind', async () => {
    const path = join(folder, 'killed.sqlite')
    const before = openSqliteRecords(path)
    await before.put('settings', 'name', 'anchor')
    before.close()
    mkdirSync(`${path}.lock`)
    const after = openSqliteRecords(path)
    expect(await after.get('settings', 'name')).toBe('anchor')
    after.close()
  })

  test('a damaged file is named, and is left as it was', () => {
    const path = join(folder, 'damaged.sqlite')
    writeFileSync(path, 'no database '.repeat(500))
    expect(() => openSqliteRecords(path)).toThrow(/damaged\.sqlite cannot be read or written/)
    expect(readFileSync(path, 'utf8')).toBe('no database '.repeat(500))
  })
})

describe('blobs', () => {
  test('hold what blobs in memory hold, within the limit, and hold it after a restart', async () => {
    const limitBytes = 5000
    const options = { folder: join(folder, 'models'), limitBytes }
    const expected = createMemoryBlobs(limitBytes)
    let blobs = await openFileBlobs(options)
    const draw = fractions(5)
    const names = ['https://example.org/a.gguf', 'file:x:3', '..', 'record']
    for (let step = 0; step < 40; step++) {
      const name = names[Math.floor(draw() * names.length)] as string
      const [real, model] = [await blobs.open(name), await expected.open(name)]
      const offset = Math.floor(draw() * 1500)
      const bytes = Uint8Array.from({ length: Math.floor(draw() * 900) }, () => Math.floor(draw() * 256))
      const outcome = async (file: typeof real) =>
        file.write(offset, bytes).then(
          () => 'written',
          (error: unknown) => (error as { code: string }).code,
        )
      expect(await outcome(real)).toBe(await outcome(model))
      if (step % 5 === 0) {
        const size = Math.floor(draw() * 1000)
        await Promise.all([real.truncate(size), model.truncate(size)])
      }
      if (step % 10 === 0) await real.flush()
      expect(real.size).toBe(model.size)
      expect(await real.read(offset, 2000)).toEqual(await model.read(offset, 2000))
      await Promise.all([real.close(), model.close()])
      if (step % 7 === 0) await Promise.all([blobs.remove(name), expected.remove(name)])
      if (step % 9 === 0) blobs = await openFileBlobs(options)
      expect(await blobs.list()).toEqual(await expected.list())
    }
    expect((await blobs.estimate())?.usage).toBe((await expected.estimate())?.usage)
    expect((await blobs.estimate())?.quota).toBeLessThanOrEqual(limitBytes)
  })

  test('one at a time may have a file open', async () => {
    const blobs = await openFileBlobs({ folder: join(folder, 'one'), limitBytes: 1000 })
    const file = await blobs.open('x')
    await expect(blobs.open('x')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await file.close()
    await (await blobs.open('x')).close()
  })
})

describe('the key', () => {
  const warnings: string[] = []
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const options = (name: string) => ({
    path: join(folder, name),
    subtle: crypto.subtle as never,
    random,
    warn: (what: string) => void warnings.push(what),
  })

  test('is made once, kept for its user alone, and signs the same after a restart', async () => {
    const made = await openKeyFile(options('made.key'))
    expect(statSync(join(folder, 'made.key')).mode & 0o777).toBe(0o600)
    const again = await openKeyFile(options('made.key'))
    expect(again.publicKey).toEqual(made.publicKey)
    const message = new Uint8Array([1, 2, 3])
    expect(await again.sign(message)).toEqual(await made.sign(message))
  })

  test('that others can read is closed to them, and that is said', async () => {
    await openKeyFile(options('open.key'))
    chmodSync(join(folder, 'open.key'), 0o644)
    await openKeyFile(options('open.key'))
    expect(statSync(join(folder, 'open.key')).mode & 0o777).toBe(0o600)
    expect(warnings.join()).toContain('open.key')
  })

  test('that is damaged is never replaced by a new one', async () => {
    writeFileSync(join(folder, 'bad.key'), 'abc\n', { mode: 0o600 })
    await expect(openKeyFile(options('bad.key'))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(readFileSync(join(folder, 'bad.key'), 'utf8')).toBe('abc\n')
  })

  test('changes for the next start only once its successor is kept', async () => {
    const present = await openKeyFile(options('next.key'))
    const { identity, keep } = await prepareSuccessor(options('next.key'))
    expect((await openKeyFile(options('next.key'))).publicKey).toEqual(present.publicKey)
    await keep()
    expect((await openKeyFile(options('next.key'))).publicKey).toEqual(identity.publicKey)
    const adopted = await adoptSeed(options('next.key'), new Uint8Array(32).fill(9))
    expect((await openKeyFile(options('next.key'))).publicKey).toEqual(adopted.publicKey)
    expect(existsSync(join(folder, 'next.key.next'))).toBe(false)
  })
})

describe('the folder', () => {
  test('is one node’s at a time, and a dead owner’s is taken over', () => {
    const path = join(folder, 'node')
    const first = openDataFolder(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    // The parent of this process lives.
    writeFileSync(join(path, 'owner'), String(process.ppid))
    expect(() => openDataFolder(path)).toThrow(`Another node (process ${process.ppid})`)
    writeFileSync(join(path, 'owner'), '4194304000')
    const second = openDataFolder(path)
    second.release()
    first.release()
    expect(existsSync(join(path, 'owner'))).toBe(false)
  })

  test('that cannot be made is named, with what to do', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => openDataFolder(join(folder, 'file', 'x'))).toThrow(
      /Name a folder that this user may write with --data/,
    )
  })
})

test('locks of one name come one after another, also past one that failed', async () => {
  const withLock = createLocks()
  const order: string[] = []
  const wait = (name: string, ms: number) => async () => {
    order.push(`${name} began`)
    await new Promise((resolve) => setTimeout(resolve, ms))
    order.push(`${name} ended`)
    if (name === 'b') throw new Error('b failed')
    return name
  }
  const all = await Promise.allSettled([
    withLock('x', wait('a', 10)),
    withLock('x', wait('b', 1)),
    withLock('x', wait('c', 1)),
  ])
  expect(order).toEqual(['a began', 'a ended', 'b began', 'b ended', 'c began', 'c ended'])
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
