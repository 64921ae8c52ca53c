// Training runs on disk: what was asked for, the text, and checkpoints in two blobs by turns. The record names a checkpoint,
// with its hash, only after it was flushed: one that was torn while being written leaves the one before in force.

import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { Blobs } from './blobs.ts'
import type { Records } from './records.ts'
import { readPart, writeWhole } from './whole-blob.ts'

export interface StoredRun {
  readonly id: string
  /** The node that trains it, hex. */
  readonly owner: string
  /** What the trainer of the run keeps about it; structured-cloneable, and checked by whoever reads it. */
  readonly about: unknown
}

export interface TextFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface StoredCheckpoint {
  readonly step: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface RunStore {
  /** Of one node. Deletes blobs that no record of any node speaks of. */
  list(owner: string): Promise<readonly StoredRun[]>
  /** Throws `STORAGE_FULL`; nothing is kept then. */
  create(run: StoredRun, files: readonly TextFile[]): Promise<void>
  /** Throws `SOURCE_CORRUPT` where the text is not what was stored. */
  readFiles(id: string): Promise<TextFile[]>
  /** Replaces `about`. */
  update(id: string, about: unknown): Promise<void>
  /** Throws `STORAGE_FULL`; the checkpoint before stays in force. */
  putCheckpoint(id: string, checkpoint: StoredCheckpoint, about: unknown): Promise<void>
  /** Of text and checkpoints; 0 of a run that is not here. */
  bytesOf(id: string): Promise<number>
  /** The latest one that is whole. */
  readCheckpoint(id: string): Promise<StoredCheckpoint | undefined>
  /** Text and checkpoints of a run that has ended; the record stays. */
  removeFiles(id: string): Promise<void>
  remove(id: string): Promise<void>
}

interface Slot {
  readonly slot: 0 | 1
  readonly step: number
  readonly bytes: number
  readonly hash: string
}

interface RunRecord extends StoredRun {
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly hash: string }[]
  /** Latest first. */
  readonly checkpoints: readonly Slot[]
}

const STORE = 'runs'
const PREFIX = 'run-'
const textOf = (id: string) => `${PREFIX}${id}-text`
const checkpointOf = (id: string, slot: 0 | 1) => `${PREFIX}${id}-${slot}`
const blobsOf = (id: string) => [textOf(id), checkpointOf(id, 0), checkpointOf(id, 1)]
const hashOf = (bytes: Uint8Array) => toHex(sha256(bytes))

export interface RunStoreOptions {
  readonly records: Records
  readonly blobs: Blobs
  /** Runs `work` while no other tab holds the lock. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
}

export function createRunStore({ records, blobs, withLock }: RunStoreOptions): RunStore {
  const locked = <T>(work: () => Promise<T>): Promise<T> => withLock('runs', work)

  async function find(id: string): Promise<RunRecord> {
    const record = parseRecord(await records.get(STORE, id))
    if (record) return record
    throw new CentramError('SOURCE_CORRUPT', 'The training run is no longer stored here. Start it anew.')
  }

  const put = (record: RunRecord) => records.put(STORE, record.id, record)

  async function sweep(ids: readonly string[]): Promise<void> {
    const wanted = new Set(ids.flatMap(blobsOf))
    for (const name of await blobs.list()) {
      if (name.startsWith(PREFIX) && !wanted.has(name)) await blobs.remove(name)
    }
  }

  return {
    list: (owner) =>
      locked(async () => {
        const ids = await records.keys(STORE)
        await sweep(ids)
        const found = await Promise.all(ids.map(async (id) => parseRecord(await records.get(STORE, id))))
        return found
          .filter((record) => record?.owner === owner)
          .flatMap((record) => (record ? [{ id: record.id, owner, about: record.about }] : []))
      }),

    create: (run, files) =>
      locked(async () => {
        try {
          await writeWhole(
            blobs,
            textOf(run.id),
            files.map(({ bytes }) => bytes),
          )
          const kept = files.map(({ name, bytes }) => ({ name, bytes: bytes.length, hash: hashOf(bytes) }))
          await put({ ...run, files: kept, checkpoints: [] })
        } catch (error) {
          await blobs.remove(textOf(run.id)).catch(() => undefined)
          throw error
        }
      }),

    async readFiles(id) {
      const { files } = await find(id)
      const read: TextFile[] = []
      let offset = 0
      for (const { name, bytes: length, hash } of files) {
        const bytes = await readPart(blobs, textOf(id), offset, length)
        if (bytes.length !== length || hashOf(bytes) !== hash) {
          throw new CentramError(
            'SOURCE_CORRUPT',
            `The stored copy of ${name} is damaged, so the run cannot go on. Start it anew with the file.`,
          )
        }
        read.push({ name, bytes })
        offset += length
      }
      return read
    },

    async update(id, about) {
      await put({ ...(await find(id)), about })
    },

    async putCheckpoint(id, { step, bytes }, about) {
      const record = await find(id)
      const [latest] = record.checkpoints
      const slot = latest?.slot === 0 ? 1 : 0
      await writeWhole(blobs, checkpointOf(id, slot), [bytes])
      const next: Slot = { slot, step, bytes: bytes.length, hash: hashOf(bytes) }
      await put({ ...record, about, checkpoints: latest ? [next, latest] : [next] })
    },

    async bytesOf(id) {
      const record = parseRecord(await records.get(STORE, id))
      return [...(record?.files ?? []), ...(record?.checkpoints ?? [])].reduce((sum, { bytes }) => sum + bytes, 0)
    },

    async readCheckpoint(id) {
      for (const { slot, step, bytes: length, hash } of (await find(id)).checkpoints) {
        const bytes = await readPart(blobs, checkpointOf(id, slot), 0, length + 1)
        if (bytes.length === length && hashOf(bytes) === hash) return { step, bytes }
      }
      return undefined
    },

    async removeFiles(id) {
      const record = await find(id)
      await put({ ...record, files: [], checkpoints: [] })
      for (const name of blobsOf(id)) await blobs.remove(name)
    },

    remove: (id) =>
      locked(async () => {
        await records.delete(STORE, id)
        for (const name of blobsOf(id)) await blobs.remove(name)
      }),
  }
}

function parseRecord(value: unknown): RunRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, owner, about, files, checkpoints } = value as Partial<RunRecord>
  if (typeof id !== 'string' || typeof owner !== 'string' || !Array.isArray(files) || !Array.isArray(checkpoints)) {
    return undefined
  }
  return { id, owner, about, files, checkpoints }
}
