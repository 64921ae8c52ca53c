// Genomes on disk, with writes torn at every place, damaged bytes and no room.

import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { identityFromSeed, plainVerifier } from '#core/crypto/identity.ts'
import { signGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import { createGenomeStore, type GenomeStore } from '../../../worker/storage/genome-store.ts'
import { createMemoryBlobs, type MemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'

const author = identityFromSeed(new Uint8Array(32).fill(7))
const TENSORS = Uint8Array.from({ length: 5000 }, (_, i) => i % 251)

const genomeOf = (tensors: Uint8Array, name: string): Promise<SignedGenome> =>
  signGenome(
    {
      version: 1,
      name,
      createdAt: 1,
      base: { hash: 'a'.repeat(64), name: 'toy', family: 'gpt2' },
      lora: { targets: ['attn_qkv'], rank: 8, alpha: 16, rankStabilised: false, dropout: 0 },
      tensors: { hash: toHex(sha256(tensors)), bytes: tensors.length },
      parents: [],
      operator: 'train',
      parameters: {},
      seed: 0,
      fitness: {},
      licence: 'CC0-1.0',
      author: author.publicKey,
    },
    author,
  )

let records: Records
let blobs: MemoryBlobs
/** As after a reload: nothing is known but what was stored. */
const open = (over: Partial<Parameters<typeof createGenomeStore>[0]> = {}): GenomeStore =>
  createGenomeStore({ records, blobs, verifier: plainVerifier, withLock: (_name, work) => work(), ...over })
beforeEach(() => {
  records = createMemoryRecords()
  blobs = createMemoryBlobs()
})

const blobName = `genome-${toHex(sha256(TENSORS))}`
async function overwrite(offset: number, bytes: Uint8Array, size?: number): Promise<void> {
  const file = await blobs.open(blobName)
  await file.write(offset, bytes)
  if (size !== undefined) await file.truncate(size)
  await file.flush()
  await file.close()
}

test('reads back what was put, after a reload too', async () => {
  const genome = await genomeOf(TENSORS, 'one')
  await open().put(genome, TENSORS)
  const [listed] = await open().list()
  expect(listed).toEqual(genome)
  expect(await open().readTensors(genome)).toEqual(TENSORS)
})

test('refuses tensors that the manifest does not speak of', async () => {
  const genome = await genomeOf(TENSORS, 'one')
  await expect(open().put(genome, TENSORS.subarray(1))).rejects.toMatchObject({ code: 'SOURCE_CORRUPT' })
  expect(await open().list()).toEqual([])
  expect(await blobs.list()).toEqual([])
})

describe('a tab that dies', () => {
  test('while the tensors are written leaves nothing', async () => {
    const genome = await genomeOf(TENSORS, 'one')
    blobs.fault = (operation) => {
      if (operation === 'flush') throw new Error('the tab died')
    }
    await expect(open({ blobs: { ...blobs, remove: async () => undefined } }).put(genome, TENSORS)).rejects.toThrow()
    blobs.fault = undefined
    blobs.crash(1000)
    expect(await blobs.list()).toEqual([blobName])
    expect(await open().list()).toEqual([])
    expect(await blobs.list()).toEqual([])
  })

  test('between tensors and record leaves nothing, and the genome can be put again', async () => {
    const genome = await genomeOf(TENSORS, 'one')
    const dying: Records = {
      ...records,
      async put() {
        throw new Error('the tab died')
      },
    }
    const store = open({ records: dying, blobs: { ...blobs, remove: async () => undefined } })
    await expect(store.put(genome, TENSORS)).rejects.toThrow('died')
    expect(await blobs.list()).toEqual([blobName])
    expect(await open().list()).toEqual([])
    expect(await blobs.list()).toEqual([])
    await open().put(genome, TENSORS)
    expect(await open().readTensors(genome)).toEqual(TENSORS)
  })
})

describe('is not read as whole:', () => {
  beforeEach(async () => open().put(await genomeOf(TENSORS, 'one'), TENSORS))
  const read = async () => {
    const [genome] = await open().list()
    return open().readTensors(genome as SignedGenome)
  }
  const corrupt = { code: 'SOURCE_CORRUPT', message: expect.stringContaining('"one"') }

  test('a truncated blob', async () => {
    await overwrite(0, TENSORS.subarray(0, 1), 4999)
    await expect(read()).rejects.toMatchObject(corrupt)
  })
  test('a blob that grew', async () => {
    await overwrite(5000, Uint8Array.of(1))
    await expect(read()).rejects.toMatchObject(corrupt)
  })
  test('a changed byte', async () => {
    await overwrite(2500, Uint8Array.of(255))
    await expect(read()).rejects.toMatchObject(corrupt)
  })
  test('a blob that is gone', async () => {
    await blobs.remove(blobName)
    await expect(read()).rejects.toMatchObject(corrupt)
  })
  test('a record with a changed byte, whose tensors stay where they are', async () => {
    const [id = ''] = await records.keys('genomes')
    const bytes = (await records.get('genomes', id)) as Uint8Array
    bytes[bytes.length - 3]! ^= 1
    await records.put('genomes', id, bytes)
    expect(await open().list()).toEqual([])
    expect(await blobs.list()).toEqual([blobName])
  })
})

test('without room says so and keeps nothing', async () => {
  blobs = createMemoryBlobs(4000)
  const genome = await genomeOf(TENSORS, 'one')
  await expect(open().put(genome, TENSORS)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
  expect(await open().list()).toEqual([])
  expect(await blobs.list()).toEqual([])
})

test('tensors that two genomes stand on go with the second, and are mended when put again', async () => {
  const [one, two] = [await genomeOf(TENSORS, 'one'), await genomeOf(TENSORS, 'two')]
  await open().put(one, TENSORS)
  await overwrite(10, Uint8Array.of(255))
  await open().put(two, TENSORS)
  expect(await open().readTensors(one)).toEqual(TENSORS)
  await open().remove(one.id)
  await expect(open().readTensors(one)).rejects.toMatchObject({ code: 'SOURCE_CORRUPT' })
  expect(await open().readTensors(two)).toEqual(TENSORS)
  await open().remove(two.id)
  expect(await blobs.list()).toEqual([])
  expect(await records.keys('genomes')).toEqual([])
})
