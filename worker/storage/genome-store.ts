// Genomes on disk. The tensors are flushed before the record with the signed manifest is written, and both are checked on
// reading, so that a torn write is never read back as whole. All tabs of a browser share them.

import type { Verifier } from '#core/crypto/identity.ts'
import { CentramError } from '#core/errors.ts'
import { checkTensors, openGenome, type SignedGenome } from '#core/genome/signed-genome.ts'
import type { Blobs } from './blobs.ts'
import type { Records } from './records.ts'
import { readPart, writeWhole } from './whole-blob.ts'

export interface GenomeStore {
  /** Those whose author's signature holds. Deletes tensors that no record speaks of. */
  list(): Promise<readonly SignedGenome[]>
  /** Throws `SOURCE_CORRUPT` for tensors that are not the manifest's, `STORAGE_FULL`; nothing is kept then. */
  put(genome: SignedGenome, tensors: Uint8Array): Promise<void>
  /** Throws `SOURCE_CORRUPT` where they are no longer those that were signed for. */
  readTensors(genome: SignedGenome): Promise<Uint8Array<ArrayBuffer>>
  remove(id: string): Promise<void>
}

export interface GenomeStoreOptions {
  readonly records: Records
  readonly blobs: Blobs
  readonly verifier: Verifier
  /** Runs `work` while no other tab holds the lock. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
}

const STORE = 'genomes'
const PREFIX = 'genome-'
const blobOf = ({ manifest }: SignedGenome) => `${PREFIX}${manifest.tensors.hash}`

export function createGenomeStore({ records, blobs, verifier, withLock }: GenomeStoreOptions): GenomeStore {
  const locked = <T>(work: () => Promise<T>): Promise<T> => withLock('genomes', work)

  /** `undefined` for a record that is no genome with a valid signature. */
  async function read(id: string): Promise<SignedGenome | undefined> {
    const stored = await records.get(STORE, id)
    if (!(stored instanceof Uint8Array)) return undefined
    const genome = await openGenome(stored, verifier).catch(() => undefined)
    return genome?.id === id ? genome : undefined
  }

  async function readAll(): Promise<{ genomes: SignedGenome[]; unreadable: number }> {
    const found = await Promise.all((await records.keys(STORE)).map(read))
    const genomes = found.filter((genome) => genome !== undefined)
    return { genomes, unreadable: found.length - genomes.length }
  }

  async function sweep(genomes: readonly SignedGenome[]): Promise<void> {
    const wanted = new Set(genomes.map(blobOf))
    for (const name of await blobs.list()) {
      if (name.startsWith(PREFIX) && !wanted.has(name)) await blobs.remove(name)
    }
  }

  async function readChecked({ manifest }: SignedGenome, name: string): Promise<Uint8Array<ArrayBuffer>> {
    // One byte more, so that a blob that grew is noticed.
    const bytes = await readPart(blobs, name, 0, manifest.tensors.bytes + 1)
    checkTensors(manifest, bytes)
    return bytes
  }

  return {
    list: () =>
      locked(async () => {
        const { genomes, unreadable } = await readAll()
        // A record that cannot be read, of a later version say, may speak of any of them.
        if (unreadable === 0) await sweep(genomes)
        return genomes
      }),

    put: (genome, tensors) =>
      locked(async () => {
        checkTensors(genome.manifest, tensors)
        const name = blobOf(genome)
        // Other genomes may stand on the same tensors: those are not written over.
        const shared = (await readAll()).genomes.some((other) => blobOf(other) === name)
        const whole = shared && (await readChecked(genome, name).catch(() => undefined)) !== undefined
        try {
          if (!whole) await writeWhole(blobs, name, [tensors])
          await records.put(STORE, genome.id, genome.bytes)
        } catch (error) {
          if (!shared) await blobs.remove(name).catch(() => undefined)
          throw error
        }
      }),

    readTensors: (genome) =>
      locked(async () => {
        const known = await read(genome.id)
        if (known) return readChecked(known, blobOf(known))
        throw new CentramError('SOURCE_CORRUPT', `"${genome.manifest.name}" is no longer stored here. Import it again.`)
      }),

    remove: (id) =>
      locked(async () => {
        const genome = await read(id)
        await records.delete(STORE, id)
        if (!genome) return
        const name = blobOf(genome)
        if (!(await readAll()).genomes.some((other) => blobOf(other) === name)) await blobs.remove(name)
      }),
  }
}
