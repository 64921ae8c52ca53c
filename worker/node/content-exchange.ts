// The contents a node shares: offers what it has, fetches what it lacks from whoever has it, and keeps account of liars.
//
// For other parts of the node:
//   const { id } = await exchange.offerContent({ kind: 'genome', files: [offeredBytes('adapter.safetensors', bytes)] })
//   const { files } = await exchange.fetchContent(id, { maxBytes, signal })   // [{ path, bytes }], verified
// `id` is hexadecimal, and is the `content` of messages as bytes. What was fetched is offered on by `offerContent` with its `tree`.

import type { Clock, Timer } from '#core/clock.ts'
import { hashChunk } from '#core/content/chunk-tree.ts'
import { readChunkTree, type ChunkTree } from '#core/content/manifest.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import type { OpenOrigin } from './content-address.ts'
import { createContentDownload, type ContentDownload } from './content-download.ts'
import { holdWhole, type ContentHolding, type OfferedContent } from './content-holding.ts'
import { createContentSeeder, MAX_NAMED, type SeedingLimits } from './content-seeder.ts'
import { createContentTraffic, type ContentTraffic } from './content-traffic.ts'

/** Wrong chunks or manifests of one node after which it is asked for nothing more, and its link ends. */
const MAX_STRIKES = 3
/** Chunks that may come from a node after nobody waits for them any more: those it had under way. */
const MAX_LATE = 64
/** A content that nobody reads from for this long is no longer followed. */
const IDLE_MS = 30_000
/** How long nodes are asked for a manifest that none of them has sent. */
const MANIFEST_MS = 15_000

export interface ContentExchangeOptions {
  readonly swarm: Pick<Swarm, 'send' | 'drained' | 'peers'>
  readonly clock: Clock
  readonly limits: () => SeedingLimits
  /** What is here beside what was offered. */
  readonly find?: (content: string) => Promise<ContentHolding | undefined>
  /** The leaf hash of a chunk, where something faster than the portable one is at hand. */
  readonly hash?: (chunk: Uint8Array) => Promise<Uint8Array>
  /** Bytes came, went or were refused. */
  readonly onTraffic?: () => void
}

export interface FetchedContent {
  readonly tree: ChunkTree
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> }[]
}

export interface ContentExchange {
  /** Offers files that are here whole for as long as the node runs. */
  offerContent(content: OfferedContent): Promise<ChunkTree>
  withdrawContent(id: string): void
  /** Every file of a content, verified. Throws `SOURCE_UNREACHABLE`, `NO_CAPACITY` when it is larger than `maxBytes`, `CANCELLED`. */
  fetchContent(
    id: string,
    options: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ): Promise<FetchedContent>

  /** What a content is, from here or from a node. Throws `SOURCE_UNREACHABLE`, `CANCELLED`. */
  treeOf(id: string, signal?: AbortSignal): Promise<ChunkTree>
  /** The one download of a content, begun if need be. Ask for it at every read: it ends when nothing was read for a while. */
  download(tree: ChunkTree, openOrigin?: OpenOrigin): ContentDownload
  /** Whether somebody wants to know what comes to be here of it. */
  isFollowed(id: string): boolean
  /** Chunks came to be here: those who follow the content are told. */
  onStored(id: string, chunks: readonly number[]): void
  /** Seeding was switched on or off. */
  onLimits(): void
  readonly traffic: ContentTraffic

  onManifestRequest(peer: string, body: BodyOf<'CONTENT_MANIFEST_REQUEST'>): Promise<void>
  onManifest(peer: string, body: BodyOf<'CONTENT_MANIFEST'>, leaves: Uint8Array): void
  onBitfield(peer: string, body: BodyOf<'CONTENT_BITFIELD'>): void
  onHave(peer: string, body: BodyOf<'CONTENT_HAVE'>): void
  onRequest(peer: string, body: BodyOf<'CONTENT_REQUEST'>): void
  onChunk(peer: string, body: BodyOf<'CONTENT_CHUNK'>, bytes: Uint8Array): Promise<void>
  onCancel(peer: string, body: BodyOf<'CONTENT_CANCEL'>): void
  onUnavailable(peer: string, body: BodyOf<'CONTENT_UNAVAILABLE'>): void
  onPeerOpen(peer: string): void
  /** Silent for now, or heard again. */
  onPeerInterrupted(peer: string, interrupted: boolean): void
  onPeerLost(peer: string): void
  close(): void
}

interface Search {
  readonly found: Promise<ChunkTree>
  /** What nodes said they hold before the manifest, which is larger, had come. */
  readonly held: Map<string, Uint8Array>
  resolve(tree: ChunkTree): void
}

export function createContentExchange(options: ContentExchangeOptions): ContentExchange {
  const { swarm, clock } = options
  const hash = options.hash ?? (async (chunk: Uint8Array) => hashChunk(chunk))
  const offered = new Map<string, ContentHolding>()
  const downloads = new Map<string, { readonly download: ContentDownload; usedAt: number }>()
  const searches = new Map<string, Search>()
  const strikes = new Map<string, number>()
  const late = new Map<string, number>()
  const traffic = createContentTraffic()
  let sweeping: Timer | null = null

  const find = async (id: string) => offered.get(id) ?? (await options.find?.(id))
  const count = (id: string, change: Parameters<ContentTraffic['add']>[1], peer?: string) => {
    traffic.add(id, change, peer)
    options.onTraffic?.()
  }
  const seeder = createContentSeeder({
    swarm,
    clock,
    limits: options.limits,
    find,
    hash,
    onGiven: (id, peer, bytes) => count(id, { given: bytes }, peer),
  })

  const send: Swarm['send'] = (peer, name, body, tail) => {
    try {
      swarm.send(peer, name, body, tail)
    } catch {
      // It left, and is forgotten when that is told.
    }
  }
  const isTrusted = (peer: string) => (strikes.get(peer) ?? 0) < MAX_STRIKES
  const openPeers = () =>
    swarm
      .peers()
      .filter(({ id, link }) => link === 'open' && isTrusted(id))
      .map(({ id }) => id)

  const ask = (peer: string, id: string, manifest: boolean) => {
    downloads.get(id)?.download.asked(peer)
    send(peer, 'CONTENT_MANIFEST_REQUEST', { content: idBytes(id), manifest })
  }

  /** What a node did wrong is told to it by the error; the third time its link ends with it. */
  const strike = (peer: string, id: string, what: string): CentramError => {
    const total = (strikes.get(peer) ?? 0) + 1
    strikes.set(peer, total)
    count(id, { refused: 1 }, peer)
    if (total < MAX_STRIKES) return new CentramError('SOURCE_CORRUPT', `${what} It was refused (${total}).`)
    for (const { download } of downloads.values()) download.peerGone(peer)
    return new CentramError('PROTOCOL_VIOLATION', `${what} After ${total} such this node is asked for nothing more.`)
  }

  const sweep = () => {
    sweeping = null
    for (const [id, { download, usedAt }] of downloads) {
      if (download.wanted > 0 || clock.now() - usedAt < IDLE_MS) continue
      download.close()
      downloads.delete(id)
      for (const peer of openPeers()) send(peer, 'CONTENT_CANCEL', { content: idBytes(id), chunks: [] })
    }
    if (downloads.size > 0) sweeping = clock.setTimeout(sweep, IDLE_MS)
  }

  const begin = (tree: ChunkTree) => {
    const { id } = tree
    const sendAll = (name: 'CONTENT_REQUEST' | 'CONTENT_CANCEL', peer: string, chunks: readonly number[]) => {
      for (let at = 0; at < chunks.length; at += MAX_NAMED) {
        send(peer, name, { content: idBytes(id), chunks: chunks.slice(at, at + MAX_NAMED) })
      }
    }
    const download = createContentDownload(tree, {
      clock,
      hash,
      request: (peer, chunks) => sendAll('CONTENT_REQUEST', peer, chunks),
      cancel: (peer, chunks) => sendAll('CONTENT_CANCEL', peer, chunks),
      onBytes: (from, bytes, peer) => count(id, from === 'peer' ? { fromPeers: bytes } : { fromOrigin: bytes }, peer),
    })
    const entry = { download, usedAt: clock.now() }
    downloads.set(id, entry)
    sweeping ??= clock.setTimeout(sweep, IDLE_MS)
    return entry
  }

  const treeOf = async (id: string, signal?: AbortSignal): Promise<ChunkTree> => {
    const known = downloads.get(id)?.download.tree ?? (await find(id))?.tree
    if (known) return known
    let search = searches.get(id)
    if (search === undefined) {
      search = createSearch()
      searches.set(id, search)
      for (const peer of openPeers()) ask(peer, id, true)
    }
    return untilFound(search.found, id, clock, signal)
  }

  const download = (tree: ChunkTree, openOrigin?: OpenOrigin): ContentDownload => {
    const { id } = tree
    let entry = downloads.get(id)
    if (entry === undefined) {
      entry = begin(tree)
      for (const peer of openPeers()) ask(peer, id, false)
    }
    entry.usedAt = clock.now()
    if (openOrigin !== undefined) entry.download.useAddress(openOrigin)
    return entry.download
  }

  return {
    traffic,
    treeOf,
    download,
    async offerContent(content) {
      const holding = await holdWhole(content)
      offered.set(holding.tree.id, holding)
      await seeder.tellAll(holding.tree.id)
      return holding.tree
    },
    withdrawContent(id) {
      if (offered.delete(id)) void seeder.tellAll(id)
    },
    async fetchContent(id, { maxBytes, signal }) {
      const tree = await treeOf(id, signal)
      const { files, bytes } = tree.manifest
      if (bytes > maxBytes) {
        throw new CentramError(
          'NO_CAPACITY',
          `This content has ${bytes} bytes; at most ${maxBytes} were expected of it.`,
        )
      }
      const here = await find(id)
      if (here !== undefined && (await here.held()).size === tree.manifest.chunks) return readHere(here)
      const source = download(tree)
      const read = files.map(async (file, i) => ({
        path: file.path,
        bytes: await source.read(i, 0, file.bytes, signal),
      }))
      return { tree, files: await Promise.all(read) }
    },
    isFollowed: (id) => seeder.isFollowed(id),
    onStored: (id, chunks) => seeder.onStored(id, chunks),
    onLimits: () => void seeder.tellAll(),

    onManifestRequest: (peer, body) => seeder.onManifestRequest(peer, body),
    onManifest(peer, body, leaves) {
      const id = toHex(body.content)
      const search = searches.get(id)
      if (search === undefined) return
      let tree: ChunkTree
      try {
        tree = readChunkTree(body.manifest, leaves)
      } catch (error) {
        throw strike(peer, id, `A CONTENT_MANIFEST does not agree with itself: ${(error as Error).message}`)
      }
      if (tree.id !== id) throw strike(peer, id, 'A CONTENT_MANIFEST is not the one that was asked for.')
      searches.delete(id)
      const { download } = downloads.get(id) ?? begin(tree)
      for (const [holder, bits] of search.held) download.holds(holder, bits)
      search.resolve(tree)
    },
    onBitfield(peer, body) {
      const id = toHex(body.content)
      if (!isTrusted(peer)) return
      downloads.get(id)?.download.holds(peer, body.bits)
      searches.get(id)?.held.set(peer, body.bits)
    },
    onHave(peer, body) {
      if (isTrusted(peer)) downloads.get(toHex(body.content))?.download.has(peer, body.chunks)
    },
    onRequest: (peer, body) => seeder.onRequest(peer, body),
    async onChunk(peer, body, bytes) {
      const id = toHex(body.content)
      const result = await downloads.get(id)?.download.chunk(peer, body.chunk, body.proof, bytes)
      if (result === 'right') return
      if (result === 'wrong') throw strike(peer, id, `Chunk ${body.chunk} is not the one of that content.`)
      late.set(peer, (late.get(peer) ?? 0) + 1)
      if ((late.get(peer) ?? 0) > MAX_LATE) {
        throw new CentramError('PROTOCOL_VIOLATION', 'Chunks came that nobody had asked for.')
      }
    },
    onCancel: (peer, body) => seeder.onCancel(peer, body),
    onUnavailable(peer, body) {
      downloads.get(toHex(body.content))?.download.unavailable(peer, body.chunks, body.code)
    },
    onPeerOpen(peer) {
      if (!isTrusted(peer)) return
      for (const id of searches.keys()) ask(peer, id, true)
      for (const id of downloads.keys()) ask(peer, id, false)
    },
    onPeerInterrupted(peer, interrupted) {
      for (const { download } of downloads.values()) download.peerSilent(peer, interrupted)
    },
    onPeerLost(peer) {
      late.delete(peer)
      for (const { held } of searches.values()) held.delete(peer)
      seeder.onPeerLost(peer)
      for (const { download } of downloads.values()) download.peerGone(peer)
    },
    close() {
      clock.clearTimeout(sweeping ?? undefined)
      for (const { download } of downloads.values()) download.close()
      downloads.clear()
      seeder.close()
    },
  }
}

function createSearch(): Search {
  let resolve: (tree: ChunkTree) => void = () => undefined
  const found = new Promise<ChunkTree>((settle) => (resolve = settle))
  return { found, held: new Map(), resolve }
}

async function readHere({ tree, read }: ContentHolding): Promise<FetchedContent> {
  const { manifest } = tree
  let chunk = 0
  const files: { path: string; bytes: Uint8Array<ArrayBuffer> }[] = []
  for (const { path, bytes: size } of manifest.files) {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += manifest.chunkBytes) {
      const part = await read(chunk++)
      if (part === undefined) throw new CentramError('STORAGE_UNAVAILABLE', `${path} is no longer stored here.`)
      bytes.set(part, at)
    }
    files.push({ path, bytes })
  }
  return { tree, files }
}

function untilFound(
  found: Promise<ChunkTree>,
  id: string,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<ChunkTree> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    const onAbort = () => end(() => reject(new CentramError('CANCELLED', 'Fetching was stopped.')))
    const timer = clock.setTimeout(
      () =>
        end(() =>
          reject(
            new CentramError(
              'SOURCE_UNREACHABLE',
              `No node that is here has the content ${id.slice(0, 12)}…. Ask the one it came from to open its page, and try again.`,
            ),
          ),
        ),
      MANIFEST_MS,
    )
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    void found.then((tree) => end(() => resolve(tree)))
  })
}

function idBytes(id: string): Uint8Array {
  return fromHex(id) ?? new Uint8Array(32)
}
