// Fetches chunks of one content from several nodes and its address at once. The rarest go first; a node that falls silent is passed
// over; a wrong chunk is refused and fetched elsewhere; the address gives what no node has, and what waits too long.

import type { Clock, Timer } from '#core/clock.ts'
import { provesLeaf } from '#core/content/chunk-tree.ts'
import { chunksOver, placeOf, type ChunkTree } from '#core/content/manifest.ts'
import { CentramError, errorMessage, type ErrorCode } from '#core/errors.ts'
import { createContentAddress, type OpenOrigin } from './content-address.ts'
import { createSources, type Source } from './content-sources.ts'

/** How long the address waits for nodes that were asked what they hold. */
const ANSWER_MS = 2000
/** A chunk that nobody was free to send for this long is fetched from the address. */
const PATIENCE_MS = 10_000
/** A chunk that nobody has is given up on after this long. */
const NOBODY_MS = 20_000
const TICK_MS = 250

export interface DownloadPort {
  readonly clock: Clock
  request(peer: string, chunks: readonly number[]): void
  cancel(peer: string, chunks: readonly number[]): void
  /** The leaf hash of a chunk. */
  hash(chunk: Uint8Array): Promise<Uint8Array>
  onBytes(from: 'peer' | 'origin', bytes: number, peer?: string): void
}

export interface ContentDownload {
  readonly tree: ChunkTree
  /** Chunks that are waited for. */
  readonly wanted: number
  /** The latest one given is used. */
  useAddress(open: OpenOrigin): void
  /** Verified bytes `[start, end)` of a file. Throws `SOURCE_UNREACHABLE`, `SOURCE_CHANGED`, `CANCELLED`. */
  read(file: number, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
  /** The node was asked what it has; until it answers, the address waits a moment. */
  asked(peer: string): void
  holds(peer: string, bits: Uint8Array): void
  has(peer: string, chunks: readonly number[]): void
  /** Whether the chunk was right and had been asked for. */
  chunk(
    peer: string,
    index: number,
    proof: readonly Uint8Array[],
    bytes: Uint8Array,
  ): Promise<'right' | 'wrong' | 'unasked'>
  unavailable(peer: string, chunks: readonly number[], code: string): void
  /** Silent for now, or heard again. */
  peerSilent(peer: string, isSilent: boolean): void
  peerGone(peer: string): void
  close(): void
}

interface Waiter {
  done(bytes: Uint8Array): void
  failed(error: unknown): void
}

interface Job {
  readonly chunk: number
  readonly since: number
  readonly waiting: Set<Waiter>
  /** Since when no node and no address could give it. */
  nobodySince: number | null
}

export function createContentDownload(tree: ChunkTree, port: DownloadPort): ContentDownload {
  const { clock } = port
  const { manifest } = tree
  const jobs = new Map<number, Job>()
  const sources = createSources(manifest.chunks, clock)
  const unanswered = new Set<string>()
  let closed = false
  let tick: Timer | null = null
  const address = createContentAddress(tree, {
    clock,
    hash: (chunk) => port.hash(chunk),
    onBytes: (bytes) => port.onBytes('origin', bytes),
    onChunk: (chunk, bytes) => deliver(chunk, bytes),
    onEnd: () => pump(),
  })

  const finish = (job: Job, settle: (waiter: Waiter) => void) => {
    const { chunk, waiting } = job
    jobs.delete(chunk)
    for (const source of sources.askedFor(chunk)) {
      source.inFlight.delete(chunk)
      port.cancel(source.id, [chunk])
    }
    for (const waiter of waiting) settle(waiter)
    if (jobs.size === 0) address.abort()
  }
  const deliver = (chunk: number, bytes: Uint8Array) => {
    const job = jobs.get(chunk)
    if (job) finish(job, (waiter) => waiter.done(bytes))
  }

  /** Those that are asked of nobody. */
  const openJobs = () =>
    [...jobs.values()].filter(({ chunk }) => !address.isFetching(chunk) && sources.askedFor(chunk).length === 0)

  const askNodes = () => {
    const free = sources.free()
    if (free.length === 0) return
    const requests = new Map<string, number[]>()
    const ask = (source: Source, chunk: number) => {
      sources.ask(source, chunk)
      requests.set(source.id, [...(requests.get(source.id) ?? []), chunk])
    }
    // Rarest first: what few hold is lost first when one of them leaves. Then in the order of the file.
    const open = openJobs()
      .map(({ chunk }) => ({ chunk, holders: sources.holdersOf(chunk) }))
      .sort((a, b) => a.holders - b.holders || a.chunk - b.chunk)
    for (const { chunk } of open) {
      // Of those that hold it, the one that would deliver it first.
      const [best] = free
        .filter(({ inFlight, window, held }) => inFlight.size < window && held?.has(chunk))
        .sort((a, b) => sources.deliveryMs(a) - sources.deliveryMs(b))
      if (best !== undefined) ask(best, chunk)
    }
    for (const idle of free.filter(({ inFlight }) => inFlight.size === 0)) {
      const chunk = sources.takeOver(idle)
      if (chunk !== undefined && jobs.has(chunk)) ask(idle, chunk)
    }
    for (const [peer, chunks] of requests) port.request(peer, chunks)
  }

  const askAddress = (now: number) => {
    if (!address.isFree) return
    const answered = unanswered.size === 0
    const open = openJobs().filter(({ chunk, since }) => {
      const waited = now - since
      return waited >= PATIENCE_MS || (sources.holdersOf(chunk) === 0 && (answered || waited >= ANSWER_MS))
    })
    address.fetch(open.map(({ chunk }) => chunk).sort((a, b) => a - b))
  }

  /** Gives up on chunks that nobody can give: soon where the address failed and no node has them, else after a while. */
  const giveUp = (now: number) => {
    const addressIsFine = address.open !== null && address.error === null
    const patience = address.open !== null && unanswered.size === 0 ? ANSWER_MS : NOBODY_MS
    for (const job of openJobs()) {
      if (addressIsFine || sources.isExpected(job.chunk)) job.nobodySince = null
      else job.nobodySince ??= now
      if (job.nobodySince === null || now - job.nobodySince < patience) continue
      finish(job, (waiter) => waiter.failed(nobody(tree, address.error)))
    }
  }

  const pump = () => {
    if (closed) return
    const now = clock.now()
    for (const { peer, chunks } of sources.passOver()) port.cancel(peer, chunks)
    askNodes()
    askAddress(now)
    giveUp(now)
    if (jobs.size === 0) return
    tick ??= clock.setTimeout(() => {
      tick = null
      pump()
    }, TICK_MS)
  }

  /** Asks for a chunk on behalf of one reader. */
  function want(chunk: number): { readonly bytes: Promise<Uint8Array>; cancel(): void } {
    const job = jobs.get(chunk) ?? { chunk, since: clock.now(), waiting: new Set<Waiter>(), nobodySince: null }
    jobs.set(chunk, job)
    let waiter: Waiter | null = null
    const bytes = new Promise<Uint8Array>((done, failed) => job.waiting.add((waiter = { done, failed })))
    return {
      bytes,
      cancel() {
        if (waiter === null || !job.waiting.delete(waiter)) return
        waiter.failed(new CentramError('CANCELLED', 'Fetching was stopped. What was fetched is kept.'))
        if (job.waiting.size === 0 && jobs.get(chunk) === job) finish(job, () => undefined)
      },
    }
  }

  return {
    tree,
    get wanted() {
      return jobs.size
    },
    useAddress(open) {
      address.open = open
    },
    async read(file, start, end, signal) {
      const { first, last } = chunksOver(manifest, file, start, end)
      const bytes = new Uint8Array(end - start)
      // Whoever asks anew may have mended the network.
      if (jobs.size === 0) address.retry()
      const wanted = Array.from({ length: last - first }, (_, i) => want(first + i))
      const stopAll = () => {
        for (const { cancel } of wanted) cancel()
      }
      signal?.addEventListener('abort', stopAll)
      if (signal?.aborted) stopAll()
      else pump()
      try {
        const chunks = await Promise.all(wanted.map((one) => one.bytes))
        for (const [i, chunk] of chunks.entries()) {
          const { offset } = placeOf(manifest, first + i)
          const from = Math.max(0, start - offset)
          bytes.set(chunk.subarray(from, Math.min(chunk.length, end - offset)), offset + from - start)
        }
        return bytes
      } finally {
        signal?.removeEventListener('abort', stopAll)
        // One that cannot be had makes the others needless.
        stopAll()
      }
    },
    asked: (peer) => void unanswered.add(peer),
    holds(peer, bits) {
      unanswered.delete(peer)
      sources.holds(peer, bits)
      pump()
    },
    has(peer, chunks) {
      sources.has(peer, chunks)
      pump()
    },
    async chunk(peer, index, proof, bytes) {
      const source = sources.get(peer)
      if (!source?.owed.delete(index)) return 'unasked'
      const isRight =
        bytes.length === placeOf(manifest, index).bytes &&
        provesLeaf(manifest.root, manifest.chunks, index, await port.hash(bytes), proof)
      if (isRight) {
        sources.delivered(source, index)
        port.onBytes('peer', bytes.length, peer)
        deliver(index, bytes)
      } else sources.refused(peer, [index], false)
      pump()
      return isRight ? 'right' : 'wrong'
    },
    unavailable(peer, chunks, code) {
      unanswered.delete(peer)
      sources.refused(peer, chunks, code === ('NO_CAPACITY' satisfies ErrorCode))
      pump()
    },
    peerSilent(peer, isSilent) {
      sources.silent(peer, isSilent)
      pump()
    },
    peerGone(peer) {
      unanswered.delete(peer)
      sources.remove(peer)
      pump()
    },
    close() {
      if (closed) return
      closed = true
      if (tick !== null) clock.clearTimeout(tick)
      for (const job of [...jobs.values()]) {
        finish(job, (waiter) => waiter.failed(new CentramError('CANCELLED', 'This node stopped fetching.')))
      }
      address.abort()
    },
  }
}

function nobody({ manifest }: ChunkTree, cause: unknown): CentramError {
  const name = manifest.files[0]?.path ?? manifest.kind
  if (cause === null) {
    return new CentramError(
      'SOURCE_UNREACHABLE',
      `A part of ${name} is held by no node that is here now. Ask the one it came from to stay, and load it again: what was ` +
        'fetched is kept.',
    )
  }
  return new CentramError(
    cause instanceof CentramError ? cause.code : 'SOURCE_UNREACHABLE',
    `No node that is here holds a part of ${name}, and its address failed: ${errorMessage(cause)}`,
    { cause },
  )
}
