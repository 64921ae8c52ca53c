// Model files kept in blobs, part by part: a source that serves what is stored and fetches, stores and records the rest.
//
// A part counts as stored only when its bytes were flushed before its record was written, so a torn write is never
// read back. Tabs of one origin share the files: each read and write of a blob is a short section of its own under a
// lock, and the record is read anew inside it. A second lock per piece keeps two tabs from fetching the same bytes: they
// fill one file together, and a tab that dies lets go of its locks.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { CentramError } from '#core/errors.ts'
import { checkRange, type ByteSource } from '#core/formats/byte-source.ts'
import {
  addRange,
  covers,
  intersect,
  joinNear,
  missingFrom,
  piecesOf,
  removeRange,
  sizeOf,
  unionOf,
  widenToBlocks,
  type ByteRange,
  type RangeSet,
} from '#core/formats/range-set.ts'
import type { Blobs } from './blobs.ts'
import { emptyRecord, parseRecord, type ModelRecord } from './model-record.ts'
import type { OriginSource } from './origin-source.ts'
import type { Records } from './records.ts'

export interface ModelCacheParts {
  readonly blobs: Blobs
  readonly records: Records
  /** Runs `work` while nobody else of this origin holds the lock `name`. */
  withLock<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Bytes fetched and stored at once, at most; 4 MiB unless a test wants less. */
  readonly pieceBytes?: number
  /** Called when bytes have been stored and recorded by this tab. */
  readonly onStored?: (key: string, range: ByteRange) => void
}

export interface EnsureOptions {
  readonly signal?: AbortSignal
  /** Bytes of the wanted ranges that are stored, and bytes in them. */
  onProgress?(storedBytes: number, wantedBytes: number): void
}

export interface CachedSource extends ByteSource {
  readonly key: string
  /** Bytes stored, as this tab knows. */
  storedBytes(): number
  /** What of `wanted` is not stored, as this tab knows. */
  missing(wanted: readonly ByteRange[]): RangeSet
  /**
   * Fetches and stores what is missing of `wanted`. Once the whole file is there, it is checked against the SHA-256.
   * Throws `STORAGE_FULL`, `SOURCE_CORRUPT`, `CANCELLED` and what the origin throws; what was stored stays.
   */
  ensure(wanted: readonly ByteRange[], options?: EnsureOptions): Promise<void>
  remove(): Promise<void>
}

export interface ModelCache {
  /** A copy of another size or version is discarded. */
  open(origin: OriginSource, options?: { readonly sha256?: string }): Promise<CachedSource>
  /** What is stored under `key`, for when its origin cannot be reached; reading what is not stored throws `SOURCE_UNREACHABLE`. */
  openStored(key: string): Promise<CachedSource | undefined>
  storedBytes(key: string): Promise<number>
  /** What of the file is stored. */
  storedRanges(key: string): Promise<RangeSet>
  /** Stored bytes; `undefined` where one of them is not. */
  readStored(key: string, range: ByteRange): Promise<Uint8Array<ArrayBuffer> | undefined>
  /** Bytes that turned out to be wrong count as stored no longer. */
  forget(key: string, range: ByteRange): Promise<void>
  remove(key: string): Promise<void>
  keys(): Promise<string[]>
}

const STORE = 'model-bytes'
const PIECE_BYTES = 4 * 1024 * 1024
const IN_FLIGHT = 4
/** Blocks come from many places at once, and are stored in smaller pieces: less is lost with a tab that dies. */
const BLOCK_PIECES = 4
const BLOCKS_IN_FLIGHT = 8
/** Parts nearer to each other than this part of a piece are fetched as one. */
const JOIN_PART = 1 / 64

export function createModelCache(parts: ModelCacheParts): ModelCache {
  const { blobs, records, pieceBytes = PIECE_BYTES } = parts
  const locked = <T>(key: string, work: () => Promise<T>): Promise<T> => parts.withLock(`centram-model:${key}`, work)
  const load = async (key: string): Promise<ModelRecord | undefined> => parseRecord(await records.get(STORE, key))

  const discard = async (key: string): Promise<void> => {
    // The record goes first: bytes without a record are nothing, a record without bytes would be a lie.
    await records.delete(STORE, key)
    await blobs.remove(blobName(key))
  }

  const withFile = async <T>(
    key: string,
    work: (file: Awaited<ReturnType<Blobs['open']>>) => Promise<T>,
  ): Promise<T> => {
    const file = await blobs.open(blobName(key))
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }

  /** The record, cut to what the file holds: the browser may have cleared files away. */
  const loadChecked = async (key: string): Promise<ModelRecord | undefined> => {
    const record = await load(key)
    if (record === undefined || record.ranges.length === 0) return record
    const held = await withFile(key, async (file) => file.size)
    const checked = { ...record, ranges: intersect(record.ranges, { start: 0, end: held }) }
    // Written down before the file can grow again over what is gone.
    if (sizeOf(checked.ranges) < sizeOf(record.ranges)) await records.put(STORE, key, checked)
    return checked
  }

  function cachedSource(origin: OriginSource, first: ModelRecord, sha: string | undefined): CachedSource {
    const { key, name, size } = origin
    let record = first

    const isBlocks = origin.blockBytes !== undefined
    const ownPiece = isBlocks ? Math.max(origin.blockBytes ?? 0, pieceBytes / BLOCK_PIECES) : pieceBytes
    const inFlight = isBlocks ? BLOCKS_IN_FLIGHT : IN_FLIGHT

    /** What is to be fetched for `ranges`: whole blocks, less what is stored already. */
    const inBlocks = (ranges: RangeSet): RangeSet =>
      origin.blockBytes === undefined ? ranges : widenToBlocks(ranges, origin.blockBytes, size)

    const readStored = (range: ByteRange): Promise<Uint8Array<ArrayBuffer> | undefined> =>
      locked(key, async () => {
        // Another tab may have stored some of it anew after all was cleared away.
        const present = await load(key)
        if (present === undefined || !covers(present.ranges, range)) return undefined
        const bytes = await withFile(key, (file) => file.read(range.start, range.end - range.start))
        return bytes.length === range.end - range.start ? bytes : undefined
      })

    const store = (range: ByteRange, bytes: Uint8Array): Promise<void> =>
      locked(key, async () => {
        // Checked, since what is written here may make the file longer than what was cleared away from it.
        const present = await loadChecked(key)
        if (present !== undefined && !isSameFile(present, origin)) {
          throw new CentramError(
            'SOURCE_CHANGED',
            `${name}: another tab has stored a newer version of this file. Load the model again to use that one.`,
          )
        }
        await withFile(key, async (file) => {
          await file.write(range.start, bytes)
          await file.flush()
        })
        const before = present ?? emptyRecord(origin)
        const next: ModelRecord = { ...before, ranges: addRange(before.ranges, range) }
        await records.put(STORE, key, next)
        record = next
        parts.onStored?.(key, range)
      })

    const forget = async (): Promise<void> => {
      await locked(key, () => discard(key))
      record = emptyRecord(origin)
    }

    const verify = async (signal: AbortSignal | undefined): Promise<void> => {
      if (sha === undefined || record.sha256 === sha || !covers(record.ranges, { start: 0, end: size })) return
      const hash = sha256.create()
      for (const piece of piecesOf([{ start: 0, end: size }], pieceBytes)) {
        throwIfCancelled(name, signal)
        const bytes = await readStored(piece)
        if (bytes === undefined) break
        hash.update(bytes)
      }
      const found = bytesToHex(hash.digest())
      if (found !== sha) {
        await forget()
        throw new CentramError(
          'SOURCE_CORRUPT',
          `${name}: the fetched file has the SHA-256 ${found.slice(0, 16)}… where ${sha.slice(0, 16)}… belongs. The copy was ` +
            'deleted; fetch it again, and from another address if this repeats.',
        )
      }
      await locked(key, async () => {
        record = { ...record, sha256: sha }
        await records.put(STORE, key, record)
      })
    }

    /** Fetches and stores one piece, unless another tab is about it: then this one waits for that. */
    const fetchPiece = (piece: ByteRange, union: RangeSet, stop: AbortSignal): Promise<void> => {
      const turn = new AbortController()
      const work = parts.withLock(`centram-piece:${key}:${Math.floor(piece.start / ownPiece)}`, async () => {
        throwIfCancelled(name, stop)
        turn.abort()
        const present = await locked(key, () => loadChecked(key))
        if (present !== undefined && isSameFile(present, origin) && covers(present.ranges, piece)) {
          record = present
          return
        }
        const bytes = await origin.read(piece.start, piece.end - piece.start, stop)
        try {
          await store(piece, bytes)
        } catch (error) {
          if (!(error instanceof CentramError && error.code === 'STORAGE_FULL')) throw error
          throw storageFull(name, sizeOf(missingFrom(record.ranges, union)), await blobs.estimate(), error)
        }
      })
      return unlessStopped(name, work, stop, turn.signal)
    }

    /** Refreshes what this tab knows: another one may have stored parts, or removed all. */
    const refresh = async (): Promise<void> => {
      const present = await locked(key, () => loadChecked(key))
      record = present !== undefined && isSameFile(present, origin) ? present : emptyRecord(origin)
    }

    return {
      name,
      size,
      key,
      storedBytes: () => sizeOf(record.ranges),
      missing: (wanted) => missingFrom(record.ranges, unionOf(wanted)),

      async read(offset, length, signal) {
        checkRange(name, size, offset, length)
        const bytes = new Uint8Array(length)
        const wanted = { start: offset, end: offset + length }
        const place = (start: number, part: Uint8Array): void => bytes.set(part, start - offset)
        const toFetch: ByteRange[] = [...missingFrom(record.ranges, [wanted])]
        for (const range of intersect(record.ranges, wanted)) {
          const part = await readStored(range)
          if (part !== undefined) place(range.start, part)
          else {
            await refresh()
            toFetch.push(range)
          }
        }
        for (const range of piecesOf(inBlocks(toFetch), ownPiece)) {
          const part = await origin.read(range.start, range.end - range.start, signal)
          const from = Math.max(0, offset - range.start)
          const to = Math.min(range.end, wanted.end) - range.start
          if (to > from) place(range.start + from, part.subarray(from, to))
          try {
            await store(range, part)
          } catch (error) {
            // Without room the bytes still serve; `ensure` is what promises to keep them.
            if (!isStorageError(error)) throw error
          }
        }
        return bytes
      },

      async ensure(wanted, options) {
        const { signal, onProgress } = options ?? {}
        await refresh()
        const union = inBlocks(unionOf(wanted))
        for (const range of unionOf(wanted)) checkRange(name, size, range.start, range.end - range.start)
        const total = sizeOf(union)
        const report = (): void => onProgress?.(total - sizeOf(missingFrom(record.ranges, union)), total)
        report()
        const missing = joinNear(missingFrom(record.ranges, union), Math.floor(ownPiece * JOIN_PART))
        const needed = sizeOf(missing)
        const room = needed === 0 ? undefined : await blobs.estimate()
        if (room !== undefined && room.quota - room.usage < needed) throw storageFull(name, needed, room)

        await inParallel(piecesOf(missing, ownPiece), inFlight, signal, async (piece, stop) => {
          await fetchPiece(piece, union, stop)
          report()
        })
        throwIfCancelled(name, signal)
        await verify(signal)
      },

      remove: forget,
    }
  }

  return {
    async open(origin, options) {
      const record = await locked(origin.key, async () => {
        const present = await loadChecked(origin.key)
        if (present !== undefined && isSameFile(present, origin)) return present
        if (present !== undefined) await discard(origin.key)
        return emptyRecord(origin)
      })
      return cachedSource(origin, record, options?.sha256)
    },
    async openStored(key) {
      const record = await locked(key, () => loadChecked(key))
      if (record === undefined) return undefined
      const { name, size, version } = record
      const origin: OriginSource = {
        key,
        name,
        size,
        ...(version === undefined ? {} : { version }),
        async read() {
          throw new CentramError(
            'SOURCE_UNREACHABLE',
            `${name}: this part of the file is not stored here, and where it came from cannot be reached. Connect and try again.`,
          )
        },
      }
      return cachedSource(origin, record, record.sha256)
    },
    storedBytes: async (key) => sizeOf((await load(key))?.ranges ?? []),
    storedRanges: (key) => locked(key, async () => (await loadChecked(key))?.ranges ?? []),
    readStored: (key, range) =>
      locked(key, async () => {
        const record = await load(key)
        if (record === undefined || !covers(record.ranges, range)) return undefined
        const bytes = await withFile(key, (file) => file.read(range.start, range.end - range.start))
        return bytes.length === range.end - range.start ? bytes : undefined
      }),
    forget: (key, range) =>
      locked(key, async () => {
        const record = await load(key)
        if (record !== undefined)
          await records.put(STORE, key, { ...record, ranges: removeRange(record.ranges, range) })
      }),
    remove: (key) => locked(key, () => discard(key)),
    keys: () => records.keys(STORE),
  }
}

function isSameFile(record: ModelRecord, origin: OriginSource): boolean {
  if (record.size !== origin.size) return false
  // Where one side names no version, the size must do.
  return record.version === undefined || origin.version === undefined || record.version === origin.version
}

/** A file name made from any key. */
function blobName(key: string): string {
  return `${bytesToHex(sha256(new TextEncoder().encode(key))).slice(0, 32)}.model`
}

function isStorageError(error: unknown): boolean {
  return error instanceof CentramError && (error.code === 'STORAGE_FULL' || error.code === 'STORAGE_UNAVAILABLE')
}

function storageFull(
  name: string,
  needed: number,
  room: { readonly quota: number; readonly usage: number } | undefined,
  cause?: unknown,
): CentramError {
  const free = room === undefined ? '' : ` and the browser has ${megabytes(Math.max(0, room.quota - room.usage))} left`
  return new CentramError(
    'STORAGE_FULL',
    `${name}: ${megabytes(needed)} are still to be stored${free}. Remove a model you do not use, or free space on the disk, ` +
      'and go on: what was fetched is kept.',
    { cause },
  )
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}

function throwIfCancelled(name: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(name, signal)
}

function cancelled(name: string, signal: AbortSignal): CentramError {
  return new CentramError('CANCELLED', `Fetching ${name} was stopped. What was fetched is kept.`, {
    cause: signal.reason,
  })
}

/** `work`, given up on when `stop` fires before it has `begun`: waiting for a lock cannot be called off. */
function unlessStopped<T>(name: string, work: Promise<T>, stop: AbortSignal, begun: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onStop = (): void => reject(cancelled(name, stop))
    if (!begun.aborted) stop.addEventListener('abort', onStop, { signal: begun })
    work.then(resolve, reject).finally(() => stop.removeEventListener('abort', onStop))
  })
}

/** Runs `work` over `items`, `width` at a time; the first failure stops the others, and is thrown when all have ended. */
async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort)
  const queue = items[Symbol.iterator]()
  let failure: { error: unknown } | undefined
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (stop.signal.aborted) return
      try {
        await work(item, stop.signal)
      } catch (error) {
        failure ??= { error }
        stop.abort(error)
        return
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  if (failure !== undefined) throw failure.error
}
