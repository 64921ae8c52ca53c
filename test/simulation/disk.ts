// The storage of one simulated browser: records, files and locks that its tabs share. Every operation takes time and is an
// event; a crash tears what was not flushed, byte by byte; the disk can be full, refuse, and be cleared away.

import { CentramError } from '#core/errors.ts'
import type { BlobFile, Blobs } from '../../worker/storage/blobs.ts'
import type { Records } from '../../worker/storage/records.ts'
import { createLocks } from './locks.ts'
import type { SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'

export interface DiskFaults {
  /** Throws what the next operation of this kind ends with; called for each. */
  (operation: 'read' | 'write' | 'flush' | 'record', name: string): void
}

export interface Disk {
  /** The view that one tab has of it. */
  openFor(process: SimulatedProcess): DiskView
  /** The machine loses its power: of every write that was not flushed, any part may have reached the disk. Returns torn writes. */
  loseUnflushed(): number
  /** The browser clears files away, and with `records` everything this site stored. Returns how many files and records went. */
  evict(records: boolean): number
  quota: number
  faults: DiskFaults
  readonly usage: number
  /** Locks that somebody holds or waits for. */
  readonly heldLocks: readonly string[]
}

export interface DiskView {
  readonly records: Records
  readonly blobs: Blobs
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
}

interface Write {
  readonly offset: number
  readonly bytes: Uint8Array
}

interface StoredFile {
  /** What is on the disk for certain. */
  flushed: Uint8Array<ArrayBuffer>
  /** What the operating system hands out. */
  bytes: Uint8Array<ArrayBuffer>
  writes: Write[]
  openBy: object | null
}

/** Until then what was written can be lost with the machine's power. */
const SLOWEST_FLUSH_MS = 150

export function createDisk(dice: Dice): Disk {
  const records = new Map<string, Map<string, unknown>>()
  const files = new Map<string, StoredFile>()
  const locks = createLocks(dice.fork('locks'))
  const usage = () => [...files.values()].reduce((sum, file) => sum + file.bytes.length, 0)

  function openFor(process: SimulatedProcess): DiskView {
    /** The operation happens at one moment; its answer comes a little later. A crash may come between. */
    const operate = <T>(label: string, work: () => T, slowest = 2): Promise<T> =>
      new Promise((resolve, reject) => {
        process.after(dice.chance(0.02) ? dice.between(5, 80) : dice.between(0.05, slowest), label, () => {
          let answer: () => void
          try {
            const value = work()
            answer = () => resolve(value)
          } catch (error) {
            answer = () => reject(error instanceof Error ? error : new Error(String(error)))
          }
          process.after(dice.between(0.01, 0.5), `${label} answered`, answer)
        })
      })

    const store = (name: string): Map<string, unknown> => {
      const found = records.get(name) ?? new Map<string, unknown>()
      records.set(name, found)
      return found
    }

    const fileOf = (name: string, file: StoredFile): BlobFile => {
      const handle = {}
      file.openBy = handle
      const letGo = () => {
        if (file.openBy === handle) file.openBy = null
      }
      const forget = process.onKill(letGo)
      const use = (): void => {
        if (file.openBy !== handle || files.get(name) !== file) {
          throw new CentramError('STORAGE_UNAVAILABLE', `${name} is not open any more.`)
        }
      }
      return {
        get size() {
          return file.bytes.length
        },
        read: (offset, length) =>
          operate(`reads ${name} ${offset}+${length}`, () => {
            use()
            disk.faults('read', name)
            return file.bytes.slice(offset, offset + length)
          }),
        write(offset, bytes) {
          const copy = bytes.slice()
          return operate(`writes ${name} ${offset}+${bytes.length}`, () => {
            use()
            disk.faults('write', name)
            const size = Math.max(file.bytes.length, offset + copy.length)
            if (usage() + size - file.bytes.length > disk.quota) {
              throw new CentramError('STORAGE_FULL', `${name}: there is no room left.`)
            }
            file.bytes = applied(file.bytes, { offset, bytes: copy })
            file.writes.push({ offset, bytes: copy })
          })
        },
        flush: () =>
          operate(
            `flushes ${name}`,
            () => {
              use()
              disk.faults('flush', name)
              file.flushed = file.bytes.slice()
              file.writes = []
            },
            SLOWEST_FLUSH_MS,
          ),
        truncate: (size) =>
          operate(`truncates ${name} ${size}`, () => {
            use()
            disk.faults('write', name)
            file.bytes = file.bytes.slice(0, size)
            // A shorter file is told to the disk at once; what was cut off may be there or not.
            file.flushed = file.flushed.slice(0, size)
            file.writes = file.writes
              .filter((write) => write.offset < size)
              .map(({ offset, bytes }) => ({ offset, bytes: bytes.subarray(0, size - offset) }))
          }),
        close: () =>
          operate(`closes ${name}`, () => {
            forget()
            letGo()
          }),
      }
    }

    return {
      records: {
        get: (name, key) => operate(`gets ${name}/${key}`, () => structuredClone(store(name).get(key))),
        put(name, key, value) {
          const copy: unknown = structuredClone(value)
          return operate(`puts ${name}/${key}`, () => {
            disk.faults('record', key)
            store(name).set(key, copy)
          })
        },
        delete: (name, key) => operate(`deletes ${name}/${key}`, () => void store(name).delete(key)),
        keys: (name) => operate(`lists ${name}`, () => [...store(name).keys()].sort()),
        add(name, key, value) {
          const copy: unknown = structuredClone(value)
          return operate(`adds ${name}/${key}`, () => {
            disk.faults('record', key)
            if (store(name).has(key)) return false
            store(name).set(key, copy)
            return true
          })
        },
        list: (name, prefix) =>
          operate(`lists ${name}/${prefix}`, () =>
            [...store(name)]
              .filter(([key]) => key.startsWith(prefix))
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, value]) => [key, structuredClone(value)] as const),
          ),
      },
      blobs: {
        open: (name) =>
          operate(`opens ${name}`, () => {
            const file = files.get(name) ?? emptyFile()
            if (file.openBy !== null) throw new CentramError('STORAGE_UNAVAILABLE', `${name} is open already.`)
            files.set(name, file)
            return fileOf(name, file)
          }),
        remove: (name) => operate(`removes ${name}`, () => void files.delete(name)),
        list: () => operate('lists files', () => [...files.keys()].sort()),
        estimate: () => operate('asks for room', () => ({ quota: disk.quota, usage: usage() })),
      },
      withLock: (name, work) => locks.take(process, name, work),
    }
  }

  const disk: Disk = {
    openFor,
    quota: Number.POSITIVE_INFINITY,
    faults: () => undefined,
    get usage() {
      return usage()
    },
    get heldLocks() {
      return locks.names()
    },
    loseUnflushed() {
      let torn = 0
      for (const file of files.values()) {
        file.openBy = null
        if (file.writes.length === 0) continue
        // Each write reached the disk whole, in part or not at all, in any order.
        let bytes = file.flushed
        for (const write of file.writes) {
          const kept = dice.pick([0, write.bytes.length, dice.whole(0, write.bytes.length)])
          if (kept < write.bytes.length) torn++
          // Behind the old end the file system may have made room for it, which reads as zeros; what it was to replace stays.
          const end = write.offset + (dice.chance(0.5) ? write.bytes.length : kept)
          if (end > bytes.length)
            bytes = applied(bytes, { offset: bytes.length, bytes: new Uint8Array(end - bytes.length) })
          bytes = applied(bytes, { offset: write.offset, bytes: write.bytes.subarray(0, kept) })
        }
        file.bytes = bytes.slice()
        file.flushed = bytes.slice()
        file.writes = []
      }
      return torn
    },
    evict(everything) {
      let gone = files.size
      files.clear()
      if (everything) {
        for (const store of records.values()) {
          gone += store.size
          store.clear()
        }
      }
      return gone
    },
  }
  return disk
}

const emptyFile = (): StoredFile => ({
  flushed: new Uint8Array(0),
  bytes: new Uint8Array(0),
  writes: [],
  openBy: null,
})

function applied(before: Uint8Array<ArrayBuffer>, { offset, bytes }: Write): Uint8Array<ArrayBuffer> {
  const after = new Uint8Array(Math.max(before.length, offset + bytes.length))
  after.set(before)
  after.set(bytes, offset)
  return after
}
