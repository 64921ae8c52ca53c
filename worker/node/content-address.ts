// A content's own address as one more place its chunks come from: runs of them by one request each, several at once, every chunk
// checked against the tree.

import type { Clock } from '#core/clock.ts'
import { hashAt } from '#core/content/chunk-tree.ts'
import { placeOf, type ChunkTree } from '#core/content/manifest.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { OriginSource } from '../storage/origin-source.ts'

/** Requests at once, and chunks that lie behind one another fetched by one request. */
const LANES = 4
const RUN = 16
/** After a failure the address is left alone for this long. */
const PAUSE_MS = 15_000

/** The address of each file, opened when it is first needed. */
export type OpenOrigin = (file: number, signal: AbortSignal) => Promise<OriginSource>

export interface ContentAddress {
  /** Null where there is none. */
  open: OpenOrigin | null
  /** Why it last failed, until it answers again. */
  readonly error: unknown
  isFetching(chunk: number): boolean
  /** Whether it would take more now. */
  readonly isFree: boolean
  /** Takes as many of these, which are in order, as it has room for. */
  fetch(chunks: readonly number[]): void
  /** Somebody tries again: what failed before is forgotten. */
  retry(): void
  /** Nothing of what is on its way is wanted any more. */
  abort(): void
}

export interface ContentAddressOptions {
  readonly clock: Clock
  hash(chunk: Uint8Array): Promise<Uint8Array>
  onBytes(bytes: number): void
  /** A verified chunk. */
  onChunk(chunk: number, bytes: Uint8Array): void
  /** A request has ended, well or not. */
  onEnd(): void
}

export function createContentAddress(tree: ChunkTree, options: ContentAddressOptions): ContentAddress {
  const { clock } = options
  const { manifest } = tree
  const inFlight = new Set<number>()
  let stop = new AbortController()
  let lanes = 0
  let notBefore = 0
  let failure: unknown = null

  async function fetchRun(open: OpenOrigin, file: number, run: readonly number[]): Promise<void> {
    lanes++
    for (const chunk of run) inFlight.add(chunk)
    const places = run.map((chunk) => placeOf(manifest, chunk))
    const start = places[0]?.offset ?? 0
    const end = places.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0)
    const { signal } = stop
    try {
      const origin = await open(file, signal)
      if (origin.size !== manifest.files[file]?.bytes) throw changed(origin.name)
      const bytes = await origin.read(start, end - start, signal)
      options.onBytes(bytes.length)
      failure = null
      for (const [i, place] of places.entries()) {
        const chunk = run[i] ?? 0
        const part = bytes.subarray(place.offset - start, place.offset - start + place.bytes)
        if (!equalBytes(await options.hash(part), hashAt(tree.leaves, chunk))) throw changed(origin.name)
        options.onChunk(chunk, part)
      }
    } catch (error) {
      if (signal.aborted) return
      failure = error
      notBefore = clock.now() + PAUSE_MS
    } finally {
      lanes--
      for (const chunk of run) inFlight.delete(chunk)
      options.onEnd()
    }
  }

  const address: ContentAddress = {
    open: null,
    get error() {
      return failure
    },
    isFetching: (chunk) => inFlight.has(chunk),
    get isFree() {
      return address.open !== null && lanes < LANES && clock.now() >= notBefore
    },
    fetch(chunks) {
      const rest = [...chunks]
      while (address.isFree && address.open !== null && rest.length > 0) {
        const run = [rest.shift() ?? 0]
        const { file } = placeOf(manifest, run[0] ?? 0)
        const follows = (chunk: number) => chunk === (run.at(-1) ?? 0) + 1 && placeOf(manifest, chunk).file === file
        while (run.length < RUN && rest[0] !== undefined && follows(rest[0])) run.push(rest.shift() ?? 0)
        void fetchRun(address.open, file, run)
      }
    },
    retry() {
      failure = null
      notBefore = 0
    },
    abort() {
      stop.abort()
      stop = new AbortController()
    },
  }
  return address
}

function changed(name: string): CentramError {
  return new CentramError(
    'SOURCE_CHANGED',
    `${name}: the file at this address is not the one that the nodes share. Its address may hold a newer version: load the ` +
      'model again from there.',
  )
}
