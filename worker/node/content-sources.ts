// The nodes that a content is fetched from: what each holds and owes, how fast it delivers, and whether it is passed over for now.

import type { Clock } from '#core/clock.ts'
import { createChunkSet, type ChunkSet } from '#core/content/chunk-set.ts'

/** Chunks asked of one node at once: at first, and at most. */
const FIRST_WINDOW = 4
const MAX_WINDOW = 32
/** A node has as many chunks on their way as it delivers in this time. */
const WINDOW_MS = 1000
/** A node that owes chunks and delivers none for this long has stalled; the next time it is given twice as long. */
const STALL_MS = 8000
const MAX_STALL_MS = 60_000
/** How long a node that stalled is passed over; twice as long after each further time. */
const PASS_OVER_MS = 10_000
/** After so many times without a chunk in between, nothing is expected of a node any more, though it is still asked. */
const HOPELESS_STALLS = 3
/** A node that says it is busy is left alone for this long. */
const BUSY_MS = 1000

export interface Source {
  readonly id: string
  /** Null until it has said. */
  held: ChunkSet | null
  /** Chunks on their way, the oldest request first, and when they were asked for. */
  readonly inFlight: Map<number, number>
  /** Asked for once, and not received: what comes late is still taken. */
  readonly owed: Set<number>
  window: number
  msPerChunk: number | null
  lastDelivery: number
  stallMs: number
  stalls: number
  notBefore: number
}

export interface Sources {
  get(peer: string): Source | undefined
  /** The node holds these and no others. */
  holds(peer: string, bits: Uint8Array): void
  has(peer: string, chunks: readonly number[]): void
  /** Those that may be asked for one more chunk now. */
  free(): readonly Source[]
  /** Those that a chunk was asked of and that have not stalled since. */
  askedFor(chunk: number): readonly Source[]
  /** How many hold a chunk and may be asked. */
  holdersOf(chunk: number): number
  /** Whether one holds it that may yet send it, be it passed over for now. */
  isExpected(chunk: number): boolean
  ask(source: Source, chunk: number): void
  /** When a chunk asked of it now would be here, in milliseconds. */
  deliveryMs(source: Source): number
  /** A right chunk came. */
  delivered(source: Source, chunk: number): void
  /** The chunk that an idle node had better take over: its holder would need more than twice as long. */
  takeOver(idle: Source): number | undefined
  /** Passes over those that have stalled; returns what they owed. */
  passOver(): readonly { readonly peer: string; readonly chunks: readonly number[] }[]
  /** The node will not send these (all, where none are named), or is busy. */
  refused(peer: string, chunks: readonly number[], isBusy: boolean): void
  /** The node is silent: what it owes is asked of others, and nothing of it until it is heard again. What comes late is still taken. */
  silent(peer: string, isSilent: boolean): void
  remove(peer: string): void
}

export function createSources(chunks: number, clock: Clock): Sources {
  const sources = new Map<string, Source>()

  const sourceOf = (peer: string): Source => {
    const source = sources.get(peer) ?? {
      id: peer,
      held: null,
      inFlight: new Map<number, number>(),
      owed: new Set<number>(),
      window: FIRST_WINDOW,
      msPerChunk: null,
      lastDelivery: 0,
      stallMs: STALL_MS,
      stalls: 0,
      notBefore: 0,
    }
    sources.set(peer, source)
    return source
  }
  const usable = ({ held, notBefore }: Source) => held !== null && clock.now() >= notBefore
  const deliveryMs = ({ msPerChunk, inFlight }: Source) =>
    (inFlight.size + 1) * Math.max(1, msPerChunk ?? WINDOW_MS / FIRST_WINDOW)

  return {
    get: (peer) => sources.get(peer),
    holds(peer, bits) {
      sourceOf(peer).held = createChunkSet(chunks, bits)
    },
    has(peer, held) {
      const source = sourceOf(peer)
      source.held ??= createChunkSet(chunks)
      for (const chunk of held) source.held.add(chunk)
    },
    free: () => [...sources.values()].filter((source) => usable(source) && source.inFlight.size < source.window),
    askedFor: (chunk) => [...sources.values()].filter(({ inFlight }) => inFlight.has(chunk)),
    holdersOf(chunk) {
      let count = 0
      for (const source of sources.values()) if (usable(source) && source.held?.has(chunk)) count++
      return count
    },
    isExpected: (chunk) =>
      [...sources.values()].some(({ held, stalls }) => stalls < HOPELESS_STALLS && held?.has(chunk)),
    ask(source, chunk) {
      source.inFlight.set(chunk, clock.now())
      source.owed.add(chunk)
    },
    deliveryMs,
    delivered(source, chunk) {
      const now = clock.now()
      const askedAt = source.inFlight.get(chunk)
      if (askedAt !== undefined) {
        const took = now - Math.max(askedAt, source.lastDelivery)
        source.msPerChunk = source.msPerChunk === null ? took : 0.7 * source.msPerChunk + 0.3 * took
        const fits = Math.ceil(WINDOW_MS / Math.max(1, source.msPerChunk))
        // One more for each that came: a first quick answer says little.
        source.window = Math.max(2, Math.min(MAX_WINDOW, source.window + 1, fits))
      }
      source.lastDelivery = now
      source.stalls = 0
      source.inFlight.delete(chunk)
    },
    takeOver(idle) {
      if (idle.msPerChunk === null) return undefined
      for (const slow of sources.values()) {
        const last = [...slow.inFlight].at(-1)
        if (slow === idle || last === undefined) continue
        const [chunk, askedAt] = last
        if (!idle.held?.has(chunk) || [...sources.values()].some((it) => it !== slow && it.inFlight.has(chunk)))
          continue
        const each = Math.max(slow.msPerChunk ?? 0, clock.now() - Math.max(slow.lastDelivery, askedAt))
        if (slow.inFlight.size * each > 2 * deliveryMs(idle)) return chunk
      }
      return undefined
    },
    passOver() {
      const now = clock.now()
      return [...sources.values()].flatMap((source) => {
        const [oldest] = source.inFlight.values()
        if (oldest === undefined || now - Math.max(oldest, source.lastDelivery) < source.stallMs) return []
        const owed = [...source.inFlight.keys()]
        source.inFlight.clear()
        source.window = 1
        source.notBefore = now + PASS_OVER_MS * 2 ** Math.min(source.stalls++, 4)
        source.stallMs = Math.min(MAX_STALL_MS, source.stallMs * 2)
        return [{ peer: source.id, chunks: owed }]
      })
    },
    refused(peer, named, isBusy) {
      const source = sources.get(peer)
      if (source === undefined) return
      for (const chunk of named.length === 0 ? [...source.inFlight.keys()] : named) {
        source.inFlight.delete(chunk)
        source.owed.delete(chunk)
        if (!isBusy) source.held?.delete(chunk)
      }
      if (isBusy) source.notBefore = clock.now() + BUSY_MS
      else if (named.length === 0) source.held = null
    },
    silent(peer, isSilent) {
      const source = sources.get(peer)
      if (source === undefined) return
      if (isSilent) source.inFlight.clear()
      source.notBefore = isSilent ? Number.POSITIVE_INFINITY : clock.now()
    },
    remove: (peer) => void sources.delete(peer),
  }
}
