// The files of one model, from wherever it is, through the cache: one GGUF or its parts, or a Hugging Face folder. Where the
// content that they are is known, their chunks come from other nodes too.

import type { ChunkTree } from '#core/content/manifest.ts'
import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { openHuggingFace } from '#core/formats/open-huggingface.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { ByteRange } from '#core/formats/range-set.ts'
import type { SourceRange } from '../model/shard-tensors.ts'
import { createHttpSource, findHttpSource, nameOf } from '../storage/http-source.ts'
import type { CachedSource, ModelCache } from '../storage/model-cache.ts'
import { createBlobSource, type OriginSource } from '../storage/origin-source.ts'
import type { OpenOrigin } from './content-address.ts'
import type { ModelContents, StoredFile } from './model-contents.ts'
import type { Surroundings } from './surroundings.ts'

export type ModelPlace =
  | { readonly kind: 'url'; readonly url: string; readonly sha256?: string }
  /** Files a person gave; without `files` on later visits, when the stored copy has to do. */
  | {
      readonly kind: 'files'
      readonly names: readonly string[]
      readonly sizes: readonly number[]
      readonly files?: readonly Blob[]
    }
  /** What another node's plan named; its address, if it has one, serves what no node has. */
  | { readonly kind: 'content'; readonly id: string; readonly url: string | null }

export interface ModelFiles {
  /** As they are stored. */
  readonly stored: readonly StoredFile[]
  /** Resolves when it is known what content they are, or that it cannot be known yet. */
  readonly learned: Promise<void>
  storedBytes(): number
  missing(ranges: readonly SourceRange[]): ByteRange[]
  /** Stores `ranges`, or with `whole` every byte, which is then checked against the SHA-256 where one is known. */
  ensure(
    ranges: readonly SourceRange[],
    whole: boolean,
    options: { readonly signal: AbortSignal; onProgress(part: number): void },
  ): Promise<void>
  remove(): Promise<void>
}

export interface FileParts extends Pick<Surroundings, 'settings' | 'fetch' | 'clock'> {
  readonly contents: ModelContents
  /** The manifest of a content, from here or from other nodes. */
  treeOf(id: string, signal?: AbortSignal): Promise<ChunkTree>
  /** Bytes came from the address of a file, kept under that key. */
  onFetched(key: string, bytes: number): void
}

interface OpenedFile {
  /** Its name among the model's files. */
  readonly path: string
  readonly source: CachedSource
}

type Keep = (path: string, source: CachedSource) => CachedSource

const GGUF_PART = /-(\d{5})-of-(\d{5})\.gguf$/i

/** Keys under which files of that place are or would be stored, as far as it can be told without opening it. */
export async function storedKeys(
  { contents, settings }: Pick<FileParts, 'contents' | 'settings'>,
  place: ModelPlace,
): Promise<readonly string[]> {
  if (place.kind === 'files') return place.names.map((name, index) => fileKey(name, place.sizes[index]))
  if (place.kind === 'content') return contents.knownKeys(place.id)
  const url = absoluteUrl(place.url, settings.pageUrl)
  const path = url.replace(/[?#].*$/, '')
  if (/\.gguf$/i.test(path)) return partsOf(url)
  const folder = /\.safetensors$/i.test(path) ? url.replace(/[^/]*$/, '') : `${url.replace(/\/$/, '')}/`
  return (await contents.cache.keys()).filter((key) => key.startsWith(folder))
}

const fileKey = (name: string, size = 0) => `file:${name}:${size}`

/** Opens the model's headers. Throws what the sources and formats throw. */
export async function openFrom(
  parts: FileParts,
  place: ModelPlace,
  signal?: AbortSignal,
): Promise<{ model: OpenedModel; files: ModelFiles }> {
  const opened: OpenedFile[] = []
  const keep: Keep = (path, source) => {
    opened.push({ path, source })
    return source
  }
  const model = await openPlace(parts, place, keep, signal)
  return { model, files: createModelFiles(parts, model, opened) }
}

async function openPlace(
  parts: FileParts,
  place: ModelPlace,
  keep: Keep,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  switch (place.kind) {
    case 'files':
      return openModel(await openGiven(parts.contents, place, keep), signal)
    case 'content':
      return openContent(parts, await parts.treeOf(place.id, signal), place, keep, signal)
    case 'url': {
      const tree = await parts.contents.fromServer(place.url)
      if (tree !== undefined) return openContent(parts, tree, place, keep, signal)
      return openAddress(parts, place, keep, signal)
    }
  }
}

/** Opens a model whose content is known: nothing is asked of its address unless no node has it. */
async function openContent(
  parts: FileParts,
  tree: ChunkTree,
  place: { readonly kind: 'url' | 'content'; readonly url: string | null; readonly sha256?: string },
  keep: Keep,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  const { contents, settings } = parts
  const { files } = tree.manifest
  const url = place.url === null ? null : absoluteUrl(place.url, settings.pageUrl)
  const addresses = url === null ? null : addressesOf(url, files.length)
  const addressOf = (path: string, file: number) => addresses?.(path, file) ?? ''
  const own = place.kind === 'url' ? files.map(({ path }, file) => addressOf(path, file)) : undefined
  const keys = await contents.keysFor(tree, own)
  const origins = new Map<number, Promise<OriginSource>>()
  const openOrigin: OpenOrigin = (file, stop) => {
    const http = { fetch: parts.fetch, clock: parts.clock, signal: stop }
    const origin = origins.get(file) ?? createHttpSource(addressOf(files[file]?.path ?? '', file), http)
    origins.set(file, origin)
    origin.catch(() => origins.delete(file))
    return origin
  }
  const cached = async (file: number): Promise<CachedSource> => {
    const source = contents.source(tree, file, keys[file] ?? '', url === null ? undefined : openOrigin)
    // A person knows it by its address; within its content every GGUF has the same name.
    const named = url === null ? source : { ...source, name: nameOf(addressOf(source.name, file)) }
    const isWhole = files.length === 1 && place.sha256 !== undefined
    return contents.cache.open(named, isWhole && place.sha256 ? { sha256: place.sha256 } : {})
  }
  if (files.every(({ path }) => path.endsWith('.gguf'))) {
    const sources = await Promise.all(files.map(async ({ path }, file) => keep(path, await cached(file))))
    return openModel(sources, signal)
  }
  const folder = url?.replace(/[^/]*$/, '') ?? 'a folder shared by another node'
  return openHuggingFace(
    folder,
    async (name) => {
      const file = files.findIndex(({ path }) => path === name)
      return file < 0 ? undefined : keep(name, await cached(file))
    },
    signal,
  )
}

/** Where each file of a content is at an address. */
function addressesOf(url: string, count: number): (path: string, file: number) => string {
  const path = url.replace(/[?#].*$/, '')
  if (/\.gguf$/i.test(path)) {
    const all = partsOf(url)
    return (_path, file) => (all.length === count ? (all[file] ?? url) : url)
  }
  const lone = /\.safetensors$/i.test(path) ? url : undefined
  const folder = lone === undefined ? `${url.replace(/\/$/, '')}/` : url.replace(/[^/]*$/, '')
  return (name) => (lone !== undefined && name === 'model.safetensors' ? lone : new URL(name, folder).href)
}

async function openAddress(
  parts: FileParts,
  place: Extract<ModelPlace, { kind: 'url' }>,
  keep: Keep,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  const { cache } = parts.contents
  const url = absoluteUrl(place.url, parts.settings.pageUrl)
  const http = { fetch: parts.fetch, clock: parts.clock, ...(signal && { signal }) }
  const path = url.replace(/[?#].*$/, '')
  // With a copy at hand, a host that is away is given up at once.
  const httpFor = async (key: string) => ((await cache.openStored(key)) ? { ...http, firstAttempts: 1 } : http)
  const counted = (origin: OriginSource): OriginSource => ({
    ...origin,
    async read(offset, length, stop) {
      const bytes = await origin.read(offset, length, stop)
      parts.onFetched(origin.key, bytes.length)
      return bytes
    },
  })
  const open = (origin: OriginSource, sha256: string | undefined) =>
    cache.open(counted(origin), sha256 === undefined ? {} : { sha256 })
  if (/\.gguf$/i.test(path)) {
    const addresses = partsOf(url)
    const one = async (address: string, part: number): Promise<CachedSource> => {
      const origin = await createHttpSource(address, await httpFor(address)).catch((error: unknown) =>
        fallBack(cache, address, error),
      )
      return keep(ggufPath(part, addresses.length), 'ensure' in origin ? origin : await open(origin, place.sha256))
    }
    return openModel(await Promise.all(addresses.map(one)), signal)
  }
  // One safetensors file brings its folder: config.json and the tokenizer lie beside it.
  const lone = /\.safetensors$/i.test(path) ? url : undefined
  const folder = lone === undefined ? `${url.replace(/\/$/, '')}/` : url.replace(/[^/]*$/, '')
  const addressOf = addressesOf(url, 0)
  const folderHttp = await httpFor(new URL('config.json', folder).href)
  return openHuggingFace(
    folder,
    async (name, stop) => {
      const address = addressOf(name, 0)
      try {
        const origin = await findHttpSource(address, { ...folderHttp, ...(stop && { signal: stop }) })
        return origin && keep(name, await open(origin, lone === address ? place.sha256 : undefined))
      } catch (error) {
        const stored = await cache.openStored(address)
        if (stored) return keep(name, stored)
        // Offline, a file that was never stored cannot be told from one that never was.
        if (isUnreachable(error) && (await cache.openStored(new URL('config.json', folder).href))) return undefined
        throw error
      }
    },
    signal,
  )
}

/** Without the network, what is stored has to do. */
async function fallBack(cache: ModelCache, key: string, error: unknown): Promise<CachedSource> {
  const stored = isUnreachable(error) ? await cache.openStored(key) : undefined
  if (stored) return stored
  throw error
}

const isUnreachable = (error: unknown) => error instanceof CentramError && error.code === 'SOURCE_UNREACHABLE'

async function openGiven(
  contents: ModelContents,
  place: Extract<ModelPlace, { kind: 'files' }>,
  keep: Keep,
): Promise<ByteSource[]> {
  const { cache } = contents
  const ggufs = place.names.filter((name) => /\.gguf$/i.test(name)).sort()
  return Promise.all(
    place.names.map(async (name, index) => {
      const path = ggufs.includes(name)
        ? ggufPath(ggufs.indexOf(name), ggufs.length)
        : (name.split(/[/\\]/).at(-1) ?? name)
      const file = place.files?.[index]
      if (file) {
        const source = createBlobSource(name, file)
        contents.lend(source)
        return keep(path, await cache.open(source))
      }
      const stored = await cache.openStored(fileKey(name, place.sizes[index]))
      if (stored) return keep(path, stored)
      throw new CentramError('SOURCE_UNREACHABLE', `${name} is no longer stored here. Drop the file on the page again.`)
    }),
  )
}

/** What a GGUF is called as content: its own name would give one model many ids. */
function ggufPath(part: number, count: number): string {
  const pad = (number: number) => String(number).padStart(5, '0')
  return count === 1 ? 'model.gguf' : `model-${pad(part + 1)}-of-${pad(count)}.gguf`
}

/** All the parts of a split GGUF, from the address of any. */
function partsOf(url: string): string[] {
  const match = GGUF_PART.exec(url)
  const count = Number(match?.[2] ?? 1)
  if (!match || count < 2 || count > 1024) return [url]
  const pad = (part: number) => String(part).padStart(5, '0')
  return Array.from({ length: count }, (_, index) => url.replace(GGUF_PART, `-${pad(index + 1)}-of-${pad(count)}.gguf`))
}

function absoluteUrl(url: string, pageUrl: string): string {
  try {
    const absolute = new URL(url, pageUrl)
    absolute.hash = ''
    if (absolute.protocol === 'http:' || absolute.protocol === 'https:') return absolute.href
  } catch {
    // Said below.
  }
  throw new CentramError(
    'BAD_ARGUMENT',
    `"${url.slice(0, 200)}" is no web address. Give one that begins with https://.`,
  )
}

function createModelFiles(parts: FileParts, model: OpenedModel, opened: readonly OpenedFile[]): ModelFiles {
  const { contents } = parts
  const stored = opened.map(({ path, source: { key, size } }): StoredFile => ({ path, key, size }))
  const sources = model.sources.flatMap((source) => opened.find((file) => file.source === source)?.source ?? [])
  const bySource = (ranges: readonly SourceRange[], index: number): ByteRange[] =>
    ranges
      .filter((range) => range.source === index)
      .map(({ offset, length }) => ({ start: offset, end: offset + length }))
  const learned = contents.learn(stored)

  return {
    stored,
    learned,
    storedBytes: () => opened.reduce((sum, { source }) => sum + source.storedBytes(), 0),
    missing: (ranges) => sources.flatMap((source, index) => [...source.missing(bySource(ranges, index))]),
    async ensure(ranges, whole, { signal, onProgress }) {
      const wanted = sources.map((source, index) =>
        whole ? [{ start: 0, end: source.size }] : bySource(ranges, index),
      )
      const bytesOf = (list: readonly ByteRange[]) => list.reduce((sum, range) => sum + range.end - range.start, 0)
      const total = wanted.reduce((sum, list) => sum + bytesOf(list), 0)
      let before = 0
      for (const [index, source] of sources.entries()) {
        const list = wanted[index] ?? []
        await source.ensure(list, {
          signal,
          onProgress: (done) => onProgress(total === 0 ? 1 : Math.min(1, (before + done) / total)),
        })
        before += bytesOf(list)
      }
      void contents.learn(stored)
    },
    async remove() {
      await contents.forget(stored)
      for (const { source } of opened) await source.remove()
    },
  }
}
