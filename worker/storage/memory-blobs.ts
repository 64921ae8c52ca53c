// Blobs in memory, for tests and simulations: they have a quota, fail on demand, and lose what was not flushed when
// the tab that wrote it "dies", as a disk may.

import { CentramError } from '#core/errors.ts'
import type { BlobFile, Blobs } from './blobs.ts'

export interface MemoryBlobs extends Blobs {
  /**
   * The tab dies: open files become unusable, and of every write not flushed yet only the first `kept` bytes
   * (default none) reached the file.
   */
  crash(kept?: number): void
  /** Called before every operation; what it throws is what the caller gets. */
  fault: ((operation: 'open' | 'read' | 'write' | 'flush', name: string) => void) | undefined
}

interface Stored {
  bytes: Uint8Array<ArrayBuffer>
  /** Writes since the last flush, and what they replaced. */
  unflushed: { offset: number; bytes: Uint8Array; before: Uint8Array; sizeBefore: number }[]
  open: { alive: boolean } | undefined
}

export function createMemoryBlobs(quota = Number.POSITIVE_INFINITY): MemoryBlobs {
  const files = new Map<string, Stored>()
  const usage = (): number => [...files.values()].reduce((sum, file) => sum + file.bytes.length, 0)

  const resize = (file: Stored, size: number): void => {
    const bytes = new Uint8Array(size)
    bytes.set(file.bytes.subarray(0, size))
    file.bytes = bytes
  }

  const blobs: MemoryBlobs = {
    fault: undefined,
    async open(name) {
      blobs.fault?.('open', name)
      const file = files.get(name) ?? { bytes: new Uint8Array(0), unflushed: [], open: undefined }
      if (file.open?.alive) throw new CentramError('STORAGE_UNAVAILABLE', `${name} is open already.`)
      files.set(name, file)
      const handle = { alive: true }
      file.open = handle
      return openFile(name, file, handle)
    },
    async remove(name) {
      files.delete(name)
    },
    list: async () => [...files.keys()].sort(),
    estimate: async () => ({ quota, usage: usage() }),
    crash(kept = 0) {
      for (const file of files.values()) {
        if (file.open) file.open.alive = false
        for (const write of file.unflushed.reverse()) {
          file.bytes.set(write.before, write.offset)
          file.bytes.set(write.bytes.subarray(0, kept), write.offset)
        }
        const size = file.unflushed.at(-1)?.sizeBefore
        if (size !== undefined && kept === 0) resize(file, size)
        file.unflushed = []
      }
    },
  }

  function openFile(name: string, file: Stored, handle: { alive: boolean }): BlobFile {
    const check = (operation: 'read' | 'write' | 'flush'): void => {
      if (!handle.alive) throw new CentramError('STORAGE_UNAVAILABLE', `${name} was closed.`)
      blobs.fault?.(operation, name)
    }
    return {
      get size() {
        return file.bytes.length
      },
      async read(offset, length) {
        check('read')
        return file.bytes.slice(offset, offset + length)
      },
      async write(offset, bytes) {
        check('write')
        const grown = Math.max(file.bytes.length, offset + bytes.length)
        if (usage() + grown - file.bytes.length > quota) {
          throw new CentramError('STORAGE_FULL', `${name}: there is no room left.`)
        }
        const sizeBefore = file.bytes.length
        if (grown > sizeBefore) resize(file, grown)
        const before = file.bytes.slice(offset, offset + bytes.length)
        file.unflushed.push({ offset, bytes: bytes.slice(), before, sizeBefore })
        file.bytes.set(bytes, offset)
      },
      async flush() {
        check('flush')
        file.unflushed = []
      },
      async truncate(size) {
        check('write')
        resize(file, size)
      },
      async close() {
        handle.alive = false
      },
    }
  }
  return blobs
}
