// Gives chunks to nodes that ask: each checked against its hash before it leaves, one peer after the other in its own order, no
// faster than a person allows, and never more than the link takes.

import type { Clock } from '#core/clock.ts'
import { hashAt, proofOf } from '#core/content/chunk-tree.ts'
import type { ChunkTree } from '#core/content/manifest.ts'
import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import type { ErrorCode } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import type { ContentHolding } from './content-holding.ts'
import { createPacer } from './content-pacer.ts'

/** Contents one node may follow here, and chunks it may have waiting. */
const MAX_FOLLOWED = 64
const MAX_WAITING = 256
/** Chunks of one asker that are read and checked while those before them leave. */
const AHEAD = 4
/** Chunks named in one message. */
export const MAX_NAMED = 256

export interface SeedingLimits {
  readonly enabled: boolean
  /** Null for as fast as links go. */
  readonly bytesPerSecond: number | null
}

export interface ContentSeederOptions {
  readonly swarm: Pick<Swarm, 'send' | 'drained'>
  readonly clock: Clock
  readonly limits: () => SeedingLimits
  readonly find: (content: string) => Promise<ContentHolding | undefined>
  /** The leaf hash of a chunk. */
  readonly hash: (chunk: Uint8Array) => Promise<Uint8Array>
  readonly onGiven: (content: string, peer: string, bytes: number) => void
}

export interface ContentSeeder {
  onManifestRequest(peer: string, body: BodyOf<'CONTENT_MANIFEST_REQUEST'>): Promise<void>
  onRequest(peer: string, body: BodyOf<'CONTENT_REQUEST'>): void
  onCancel(peer: string, body: BodyOf<'CONTENT_CANCEL'>): void
  onPeerLost(peer: string): void
  /** Whether somebody wants to know what comes to be here of it. */
  isFollowed(content: string): boolean
  /** Chunks of a content came to be here. */
  onStored(content: string, chunks: readonly number[]): void
  /** Tells those who follow it what is here now: a content was offered, or seeding was switched. */
  tellAll(content?: string): Promise<void>
  close(): void
}

interface Wish {
  readonly content: string
  readonly chunk: number
  cancelled: boolean
}

interface Asker {
  /** Contents it follows, and whether it was told what of them is here. */
  readonly follows: Map<string, 'waiting' | 'told'>
  /** In the order asked for. */
  queue: Wish[]
  /** Those at the head of it, being read. */
  ready: { readonly wish: Wish; readonly bytes: Promise<Uint8Array | undefined> }[]
  serving: boolean
  gone: boolean
}

export function createContentSeeder(options: ContentSeederOptions): ContentSeeder {
  const { swarm, find } = options
  const askers = new Map<string, Asker>()
  const pacer = createPacer(options.clock, () => options.limits().bytesPerSecond)
  let closed = false

  const send: Swarm['send'] = (peer, name, body, tail) => {
    try {
      swarm.send(peer, name, body, tail)
    } catch {
      // It left; whatever waits for it goes with `onPeerLost`.
    }
  }
  const refuse = (peer: string, content: string, chunks: readonly number[], code: ErrorCode) =>
    send(peer, 'CONTENT_UNAVAILABLE', { content: idBytes(content), chunks: [...chunks], code })

  const askerOf = (peer: string): Asker => {
    const asker = askers.get(peer) ?? { follows: new Map(), queue: [], ready: [], serving: false, gone: false }
    askers.set(peer, asker)
    return asker
  }

  async function tell(peer: string, asker: Asker, content: string): Promise<void> {
    const holding = options.limits().enabled ? await find(content) : undefined
    if (asker.gone || !asker.follows.has(content)) return
    if (holding === undefined) {
      asker.follows.set(content, 'waiting')
      refuse(peer, content, [], 'NOT_OFFERED')
      return
    }
    const held = await holding.held()
    if (asker.gone) return
    asker.follows.set(content, 'told')
    send(peer, 'CONTENT_BITFIELD', { content: idBytes(content), bits: held.bytes() })
  }

  async function serve(peer: string, asker: Asker): Promise<void> {
    if (asker.serving) return
    asker.serving = true
    try {
      for (;;) {
        while (asker.ready.length < AHEAD && asker.queue.length > 0) {
          const wish = asker.queue.shift() as Wish
          asker.ready.push({ wish, bytes: prepare(peer, wish).catch(() => undefined) })
        }
        const next = asker.ready.shift()
        if (next === undefined || asker.gone || closed) return
        const bytes = await next.bytes
        if (bytes !== undefined) await give(peer, asker, next.wish, bytes)
      }
    } finally {
      asker.serving = false
    }
  }

  /** The bytes of a chunk, checked; where they cannot be given, the asker is told why. */
  async function prepare(peer: string, { content, chunk }: Wish): Promise<Uint8Array | undefined> {
    const holding = options.limits().enabled ? await find(content) : undefined
    const no = (chunks: readonly number[], code: ErrorCode): undefined => {
      refuse(peer, content, chunks, code)
    }
    if (holding === undefined) return no([], 'NOT_OFFERED')
    const { tree } = holding
    if (chunk >= tree.manifest.chunks) return no([chunk], 'BAD_ARGUMENT')
    const bytes = await holding.read(chunk).catch(() => undefined)
    if (bytes === undefined) return no([chunk], 'STORAGE_UNAVAILABLE')
    // A disk may have changed what it keeps: nothing wrong leaves under this node's name.
    if (equalBytes(await options.hash(bytes), hashAt(tree.leaves, chunk))) return bytes
    await holding.lost(chunk)
    return no([chunk], 'SOURCE_CORRUPT')
  }

  async function give(peer: string, asker: Asker, wish: Wish, bytes: Uint8Array): Promise<void> {
    const { content, chunk } = wish
    if (wish.cancelled) return
    await pacer.take(bytes.length)
    let tree: ChunkTree | undefined
    try {
      await swarm.drained(peer)
      tree = (await find(content))?.tree
    } catch {
      return
    }
    if (asker.gone || closed || wish.cancelled || tree === undefined) return
    send(peer, 'CONTENT_CHUNK', { content: idBytes(content), chunk, proof: proofOf(tree.levels, chunk) }, bytes)
    options.onGiven(content, peer, bytes.length)
  }

  return {
    async onManifestRequest(peer, body) {
      const content = toHex(body.content)
      const asker = askerOf(peer)
      if (!asker.follows.has(content) && asker.follows.size >= MAX_FOLLOWED) {
        return refuse(peer, content, [], 'NO_CAPACITY')
      }
      asker.follows.set(content, 'waiting')
      if (body.manifest && options.limits().enabled) {
        const holding = await find(content)
        if (asker.gone) return
        if (holding !== undefined) {
          const { encoded, leaves } = holding.tree
          send(peer, 'CONTENT_MANIFEST', { content: body.content, manifest: encoded }, leaves)
        }
      }
      await tell(peer, asker, content)
    },
    onRequest(peer, body) {
      const content = toHex(body.content)
      const asker = askerOf(peer)
      const fits = body.chunks.slice(0, Math.max(0, MAX_WAITING - asker.queue.length))
      asker.queue.push(...fits.map((chunk) => ({ content, chunk, cancelled: false })))
      const rest = body.chunks.slice(fits.length)
      if (rest.length > 0) refuse(peer, content, rest, 'NO_CAPACITY')
      void serve(peer, asker)
    },
    onCancel(peer, body) {
      const content = toHex(body.content)
      const asker = askers.get(peer)
      if (asker === undefined) return
      const all = body.chunks.length === 0
      if (all) asker.follows.delete(content)
      const dropped = new Set(body.chunks)
      const isDropped = (wish: Wish) => wish.content === content && (all || dropped.has(wish.chunk))
      asker.queue = asker.queue.filter((wish) => !isDropped(wish))
      for (const { wish } of asker.ready) if (isDropped(wish)) wish.cancelled = true
    },
    onPeerLost(peer) {
      const asker = askers.get(peer)
      if (asker === undefined) return
      asker.gone = true
      asker.queue = []
      asker.ready = []
      askers.delete(peer)
    },
    isFollowed: (content) => [...askers.values()].some(({ follows }) => follows.has(content)),
    onStored(content, chunks) {
      if (!options.limits().enabled || chunks.length === 0) return
      for (const [peer, asker] of askers) {
        const told = asker.follows.get(content)
        if (told === 'waiting') void tell(peer, asker, content)
        for (let at = 0; told === 'told' && at < chunks.length; at += MAX_NAMED) {
          send(peer, 'CONTENT_HAVE', { content: idBytes(content), chunks: chunks.slice(at, at + MAX_NAMED) })
        }
      }
    },
    async tellAll(content) {
      for (const [peer, asker] of askers) {
        for (const followed of [...asker.follows.keys()]) {
          if (content === undefined || content === followed) await tell(peer, asker, followed)
        }
      }
    },
    close() {
      closed = true
      pacer.close()
    },
  }
}

function idBytes(content: string): Uint8Array {
  return fromHex(content) ?? new Uint8Array(32)
}
