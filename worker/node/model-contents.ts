// The model files of this browser as contents: which chunks are stored, what a wholly stored model's content is, and sources that
// fetch by chunks. A content's bytes are kept under its own id, so that what one node says of an address never reaches what a
// person loads from that address.

import { createChunkSet } from '#core/content/chunk-set.ts'
import { HASH_BYTES, hashAt } from '#core/content/chunk-tree.ts'
import {
  chunkBytesFor,
  chunksWithin,
  inOrder,
  isContentPath,
  makeChunkTree,
  placeOf,
  readChunkTree,
  type ChunkTree,
} from '#core/content/manifest.ts'
import { decodeCanonical } from '#core/crypto/canonical.ts'
import { equalBytes } from '#core/crypto/bytes.ts'
import { covers, removeRange, type ByteRange } from '#core/formats/range-set.ts'
import { isJsonObject } from '#core/formats/json-file.ts'
import { createContentRecords, type KnownContent } from '../storage/content-records.ts'
import { createModelCache, type ModelCache } from '../storage/model-cache.ts'
import type { OriginSource } from '../storage/origin-source.ts'
import type { OpenOrigin } from './content-address.ts'
import type { ContentExchange } from './content-exchange.ts'
import type { ContentHolding } from './content-holding.ts'
import { createReadAhead } from './read-ahead.ts'
import type { Surroundings } from './surroundings.ts'

/** A model's file as it is stored. */
export interface StoredFile {
  readonly path: string
  readonly key: string
  readonly size: number
}

export interface ModelContents {
  readonly cache: ModelCache
  start(): Promise<void>
  /** For the exchange. */
  find(id: string): Promise<ContentHolding | undefined>
  /** The content that these files are, as far as is known. */
  idOf(files: readonly StoredFile[]): string | undefined
  /**
   * Where a content's files are or will be kept, in the order of its manifest. With `own`, the keys that an address of a person's
   * own choice has: what is stored there is checked first, and used.
   */
  keysFor(tree: ChunkTree, own?: readonly string[]): Promise<readonly string[]>
  /** Keys of a content that is known here; none of another. */
  knownKeys(id: string): Promise<readonly string[]>
  /** Reads by chunks, from nodes and the address. */
  source(tree: ChunkTree, file: number, key: string, openOrigin?: OpenOrigin): OriginSource
  /** Where a file that a person gave can be read as long as the page is open, stored or not. */
  lend(source: OriginSource): void
  /** Makes the content of files that are here whole, in the background; nothing where one is not. Resolves when that is done. */
  learn(files: readonly StoredFile[]): Promise<void>
  /** What the page's server says that a model of its own is. */
  fromServer(url: string): Promise<ChunkTree | undefined>
  /** The bytes are gone. */
  forget(files: readonly StoredFile[]): Promise<void>
}

export interface ModelContentsOptions extends Pick<
  Surroundings,
  'settings' | 'records' | 'blobs' | 'fetch' | 'clock' | 'withLock'
> {
  readonly exchange: () => ContentExchange
  readonly hash: (chunk: Uint8Array) => Promise<Uint8Array>
  /** A content became known. */
  readonly onLearned: () => void
}

/** Records: what the page's server last said of its models, by the address it said it at. */
const ADDRESSES = 'content-addresses'
/** Contents whose trees are held in memory. */
const MAX_OPEN = 16
const SERVER_WAIT_MS = 3000
/** Of a server's answer: the largest manifest and tree. */
const MAX_ANSWER_BYTES = 2.25 * 1024 * 1024

export function createModelContents(options: ModelContentsOptions): ModelContents {
  const { settings, clock, hash } = options
  const records = createContentRecords(options.records)
  const cache = createModelCache({ ...options, onStored: (key, range) => void tellStored(key, range) })
  const ahead = createReadAhead((key, range) => cache.readStored(key, range))
  const lent = new Map<string, OriginSource>()
  const open = new Map<string, KnownContent>()
  /** The content of each key, with the number of its file; ids by their keys. */
  const byKey = new Map<string, { readonly id: string; readonly file: number }>()
  const byKeys = new Map<string, string>()
  let learning: Promise<void> = Promise.resolve()

  const index = ({ tree, keys }: KnownContent) => {
    for (const [file, key] of keys.entries()) byKey.set(key, { id: tree.id, file })
    byKeys.set(nameOf(keys), tree.id)
  }

  async function known(id: string): Promise<KnownContent | undefined> {
    const content = open.get(id) ?? (await records.get(id))
    if (content === undefined) return undefined
    open.delete(id)
    open.set(id, content)
    if (open.size > MAX_OPEN) open.delete(open.keys().next().value ?? '')
    index(content)
    return content
  }

  async function keep(content: KnownContent): Promise<void> {
    // A key holds the bytes of one content: an older one under the same key is gone.
    for (const key of content.keys) {
      const before = byKey.get(key)
      if (before !== undefined && before.id !== content.tree.id) await drop(before.id)
    }
    await records.put(content)
    open.set(content.tree.id, content)
    index(content)
  }

  async function drop(id: string): Promise<void> {
    const content = await known(id)
    open.delete(id)
    await records.remove(id)
    if (content === undefined) return
    byKeys.delete(nameOf(content.keys))
    for (const key of content.keys) if (byKey.get(key)?.id === id) byKey.delete(key)
  }

  async function tellStored(key: string, { start, end }: ByteRange): Promise<void> {
    const place = byKey.get(key)
    if (place === undefined || !options.exchange().isFollowed(place.id)) return
    const content = await known(place.id)
    if (content === undefined) return
    const { manifest } = content.tree
    // A chunk may have been completed by this range without lying in it.
    const from = Math.max(0, start - manifest.chunkBytes)
    const stored = (await cache.storedRanges(key)).find((range) => range.start <= start && range.end >= end)
    if (!stored) return
    const { first, last } = chunksWithin(
      manifest,
      place.file,
      Math.max(stored.start, from),
      Math.min(stored.end, end + manifest.chunkBytes),
    )
    const chunks = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i)
    options.exchange().onStored(place.id, chunks)
  }

  /** What can be read of a file: what is stored, or all of one that a person gave. */
  const rangesHere = async (key: string): Promise<readonly ByteRange[]> => {
    const source = lent.get(key)
    return source === undefined ? cache.storedRanges(key) : [{ start: 0, end: source.size }]
  }
  const readHere = (key: string, range: ByteRange) =>
    lent.get(key)?.read(range.start, range.end - range.start) ?? cache.readStored(key, range)

  const rangeOf = ({ tree }: KnownContent, chunk: number): ByteRange & { readonly file: number } => {
    const { file, offset, bytes } = placeOf(tree.manifest, chunk)
    return { file, start: offset, end: offset + bytes }
  }

  async function find(id: string): Promise<ContentHolding | undefined> {
    const content = await known(id)
    if (content === undefined) return undefined
    const { tree, keys } = content
    return {
      tree,
      async held() {
        const held = createChunkSet(tree.manifest.chunks)
        for (const [file, key] of keys.entries()) {
          for (const { start, end } of await rangesHere(key)) {
            const { first, last } = chunksWithin(tree.manifest, file, start, end)
            for (let chunk = first; chunk < last; chunk++) held.add(chunk)
          }
        }
        return held
      },
      async read(chunk) {
        const { file, start, end } = rangeOf(content, chunk)
        const key = keys[file] ?? ''
        const source = lent.get(key)
        if (source !== undefined) return source.read(start, end - start)
        return ahead.read(key, tree.manifest.files[file]?.bytes ?? 0, { start, end })
      },
      async lost(chunk) {
        const { file, start, end } = rangeOf(content, chunk)
        const key = keys[file] ?? ''
        ahead.forget(key)
        // Under an address the file may just have become a newer one: then this is the content that is gone.
        if (key === contentKey(tree, file)) await cache.forget(key, { start, end })
        else await drop(id)
      },
    }
  }

  /** What is stored under these keys and is not this content's is forgotten, chunk by chunk. */
  async function adopt(content: KnownContent): Promise<void> {
    const { tree, keys } = content
    for (const [file, key] of keys.entries()) {
      for (const range of await cache.storedRanges(key)) {
        const { first, last } = chunksWithin(tree.manifest, file, range.start, range.end)
        let rest: readonly ByteRange[] = [range]
        for (let chunk = first; chunk < last; chunk++) {
          const { start, end } = rangeOf(content, chunk)
          const bytes = await cache.readStored(key, { start, end })
          const isRight = bytes !== undefined && equalBytes(await hash(bytes), hashAt(tree.leaves, chunk))
          if (isRight) rest = rest.flatMap((part) => removeRange([part], { start, end }))
        }
        for (const wrong of rest) await cache.forget(key, wrong)
      }
    }
  }

  async function learnNow(files: readonly StoredFile[]): Promise<void> {
    if (files.length === 0 || byKeys.has(nameOf(files.map(({ key }) => key)))) return
    for (const { key, size } of files) {
      if (!covers(await rangesHere(key), { start: 0, end: size })) return
    }
    const ordered = inOrder(files).map(({ path, key, size }) => ({ path, key, bytes: size }))
    const chunkBytes = chunkBytesFor(ordered)
    const leaves: Uint8Array[] = []
    for (const { key, bytes } of ordered) {
      for (let start = 0; start < bytes; start += chunkBytes) {
        const chunk = await readHere(key, { start, end: Math.min(bytes, start + chunkBytes) })
        if (chunk === undefined) return
        leaves.push(await hash(chunk))
      }
    }
    const all = new Uint8Array(leaves.length * HASH_BYTES)
    for (const [i, leaf] of leaves.entries()) all.set(leaf, i * HASH_BYTES)
    const tree = makeChunkTree('model', ordered, chunkBytes, all)
    // Where the same content is kept already, that copy stays the one that is shared.
    if ((await known(tree.id)) === undefined) await keep({ tree, keys: ordered.map(({ key }) => key) })
    else byKeys.set(nameOf(files.map(({ key }) => key)), tree.id)
    options.exchange().onStored(tree.id, [...Array(tree.manifest.chunks).keys()])
    options.onLearned()
  }

  return {
    cache,
    find,
    async start() {
      for (const id of await records.ids()) await known(id)
    },
    idOf: (files) => byKeys.get(nameOf(files.map(({ key }) => key))),
    async keysFor(tree, own) {
      const present = await known(tree.id)
      if (present !== undefined) return present.keys
      const keys = own ?? tree.manifest.files.map((_, file) => contentKey(tree, file))
      const content = { tree, keys }
      if (own !== undefined) await adopt(content)
      await keep(content)
      options.onLearned()
      return keys
    },
    async knownKeys(id) {
      return (await known(id))?.keys ?? []
    },
    source(tree, file, key, openOrigin) {
      const { path, bytes } = tree.manifest.files[file] ?? { path: '', bytes: 0 }
      return {
        name: path,
        size: bytes,
        key,
        blockBytes: tree.manifest.chunkBytes,
        read: (offset, length, signal) =>
          options
            .exchange()
            .download(tree, openOrigin)
            .read(file, offset, offset + length, signal),
      }
    },
    lend: (source) => void lent.set(source.key, source),
    learn(files) {
      if (!files.every(({ path }) => isContentPath(path))) return learning
      // One after another: reading a whole model takes the disk for a while.
      learning = learning
        .then(() => options.withLock(`centram-learn:${files[0]?.key ?? ''}`, () => learnNow(files)))
        .catch(() => undefined)
      return learning
    },
    async fromServer(url) {
      const address = manifestAddress(url, settings)
      if (address === undefined) return undefined
      const remembered = async () => {
        const id = await options.records.get(ADDRESSES, address)
        return typeof id === 'string' ? (await known(id))?.tree : undefined
      }
      const stop = new AbortController()
      const timer = clock.setTimeout(() => stop.abort(), SERVER_WAIT_MS)
      try {
        const response = await options.fetch(address, { signal: stop.signal })
        if (!response.ok) return await remembered()
        const bytes = new Uint8Array(await response.arrayBuffer())
        const answer = bytes.length > MAX_ANSWER_BYTES ? undefined : decodeCanonical(bytes)
        const { manifest, leaves } = isJsonObject(answer) ? answer : {}
        if (!(manifest instanceof Uint8Array && leaves instanceof Uint8Array)) return undefined
        const tree = readChunkTree(manifest, leaves)
        await options.records.put(ADDRESSES, address, tree.id)
        return tree
      } catch {
        // Without any, the model comes from its address alone.
        return await remembered()
      } finally {
        clock.clearTimeout(timer)
      }
    },
    async forget(files) {
      for (const { key } of files) lent.delete(key)
      const ids = new Set(files.flatMap(({ key }) => byKey.get(key)?.id ?? []))
      for (const id of ids) await drop(id)
    },
  }
}

/** Where the page's server tells what a model of its own is; undefined for models from elsewhere. */
function manifestAddress(url: string, { pageUrl, serverUrl }: Surroundings['settings']): string | undefined {
  if (serverUrl === undefined) return undefined
  const models = new URL('models/', pageUrl).href
  const { href } = new URL(url, pageUrl)
  const name = href.startsWith(models) ? href.slice(models.length).replace(/\/$/, '') : ''
  return name === '' || /[/?#]/.test(name) ? undefined : new URL(`manifests/${name}`, pageUrl).href
}

const contentKey = (tree: ChunkTree, file: number) => `content:${tree.id}/${tree.manifest.files[file]?.path ?? file}`
const nameOf = (keys: readonly string[]) => [...keys].sort().join('\n')
