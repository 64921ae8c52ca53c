// Training runs on disk: checkpoints torn while written, damaged text, no room.

import { beforeEach, describe, expect, test } from 'vitest'
import { createMemoryBlobs, type MemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { createRunStore, type RunStore } from '../../../worker/storage/run-store.ts'

const RUN = { id: 'one', owner: 'me', about: { step: 0 } }
const FILES = [
  { name: 'a.txt', bytes: Uint8Array.from({ length: 300 }, (_, i) => i % 250) },
  { name: 'b.md', bytes: Uint8Array.from({ length: 70 }, (_, i) => 255 - i) },
]
const checkpoint = (step: number, length = 1000) => ({ step, bytes: new Uint8Array(length).fill(step) })

let records: Records
let blobs: MemoryBlobs
const open = (over: Partial<Parameters<typeof createRunStore>[0]> = {}): RunStore =>
  createRunStore({ records, blobs, withLock: (_name, work) => work(), ...over })
beforeEach(() => {
  records = createMemoryRecords()
  blobs = createMemoryBlobs()
})

async function damage(name: string, offset: number): Promise<void> {
  const file = await blobs.open(name)
  await file.write(offset, Uint8Array.of(77))
  await file.flush()
  await file.close()
}

test('reads back text, what is known and the latest checkpoint', async () => {
  await open().create(RUN, FILES)
  expect(await open().readFiles('one')).toEqual(FILES)
  expect(await open().readCheckpoint('one')).toBeUndefined()
  for (const step of [3, 6, 9]) await open().putCheckpoint('one', checkpoint(step, 1000 - step), { step })
  expect(await open().list('me')).toEqual([{ ...RUN, about: { step: 9 } }])
  expect(await open().list('another')).toEqual([])
  expect(await open().readCheckpoint('one')).toEqual(checkpoint(9, 991))
  await open().update('one', { ended: true })
  expect(await open().list('me')).toEqual([{ ...RUN, about: { ended: true } }])
  expect(await open().readCheckpoint('one')).toEqual(checkpoint(9, 991))
})

describe('a torn checkpoint leaves the one before in force:', () => {
  beforeEach(async () => {
    await open().create(RUN, FILES)
    await open().putCheckpoint('one', checkpoint(3), { step: 3 })
    await open().putCheckpoint('one', checkpoint(6), { step: 6 })
  })

  test.each([0, 400])('the tab died after %i bytes', async (kept) => {
    blobs.fault = (operation) => {
      if (operation === 'flush') throw new Error('the tab died')
    }
    await expect(open().putCheckpoint('one', checkpoint(9), { step: 9 })).rejects.toThrow('died')
    blobs.fault = undefined
    blobs.crash(kept)
    expect(await open().readCheckpoint('one')).toEqual(checkpoint(6))
    expect(await open().list('me')).toEqual([{ ...RUN, about: { step: 6 } }])
  })

  test('the tab died before the record was written', async () => {
    const dying: Records = { ...records, put: async () => Promise.reject(new Error('the tab died')) }
    await expect(open({ records: dying }).putCheckpoint('one', checkpoint(9), {})).rejects.toThrow('died')
    expect(await open().readCheckpoint('one')).toEqual(checkpoint(6))
  })

  test('there was no room', async () => {
    const usage = (await blobs.estimate())?.usage ?? 0
    const full = createMemoryBlobs(usage + 10)
    for (const name of await blobs.list()) {
      const [from, to] = [await blobs.open(name), await full.open(name)]
      await to.write(0, await from.read(0, from.size))
      await to.flush()
      await Promise.all([from.close(), to.close()])
    }
    const store = open({ blobs: full })
    await expect(store.putCheckpoint('one', checkpoint(9, 2000), {})).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(await store.readCheckpoint('one')).toEqual(checkpoint(6))
  })

  test('a byte of it changed on disk; of both, there is none', async () => {
    await damage('run-one-1', 500)
    expect(await open().readCheckpoint('one')).toEqual(checkpoint(3))
    await damage('run-one-0', 999)
    expect(await open().readCheckpoint('one')).toBeUndefined()
  })
})

test('damaged text is named and not trained on', async () => {
  await open().create(RUN, FILES)
  await damage('run-one-text', 320)
  await expect(open().readFiles('one')).rejects.toMatchObject({
    code: 'SOURCE_CORRUPT',
    message: expect.stringContaining('b.md'),
  })
})

test('a run without room for its text is no run', async () => {
  blobs = createMemoryBlobs(350)
  await expect(open().create(RUN, FILES)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
  expect(await open().list('me')).toEqual([])
  expect(await blobs.list()).toEqual([])
})

test('sweeps what no record speaks of, keeps what other nodes train, and deletes what is removed', async () => {
  await open().create({ ...RUN, id: 'two', owner: 'another' }, FILES)
  await open().create(RUN, FILES)
  await open().putCheckpoint('one', checkpoint(3), {})
  await open().putCheckpoint('one', checkpoint(6), {})
  await damage('run-three-text', 0)
  await damage('a model', 0)
  await open().list('me')
  expect(await blobs.list()).toEqual(['a model', 'run-one-0', 'run-one-1', 'run-one-text', 'run-two-text'])
  await open().removeFiles('one')
  expect(await blobs.list()).toEqual(['a model', 'run-two-text'])
  expect(await open().list('me')).toEqual([{ ...RUN, about: {} }])
  await open().remove('one')
  expect(await open().list('me')).toEqual([])
  expect((await open().list('another')).map(({ id }) => id)).toEqual(['two'])
})
