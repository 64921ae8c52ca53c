// The files of one model, from wherever it is, through the cache: one GGUF or its parts, or a Hugging Face folder.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { openHuggingFace } from '#core/formats/open-huggingface.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { ByteRange } from '#core/formats/range-set.ts'
import type { SourceRange } from '../model/shard-tensors.ts'
import { createHttpSource, findHttpSource } from '../storage/http-source.ts'
import { createModelCache, type CachedSource } from '../storage/model-cache.ts'
import { createBlobSource } from '../storage/origin-source.ts'
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

export interface ModelFiles {
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

type Parts = Pick<Surroundings, 'settings' | 'records' | 'blobs' | 'fetch' | 'clock' | 'withLock'>

const GGUF_PART = /-(\d{5})-of-(\d{5})\.gguf$/i

/** Opens the model's headers. Throws what the sources and formats throw. */
export async function openFrom(
  parts: Parts,
  place: ModelPlace,
  signal?: AbortSignal,
): Promise<{ model: OpenedModel; files: ModelFiles }> {
  const cache = createModelCache(parts)
  const opened: CachedSource[] = []
  const keep = (source: CachedSource): CachedSource => {
    opened.push(source)
    return source
  }
  const model =
    place.kind === 'url'
      ? await openAddress(parts, cache, place, keep, signal)
      : await openModel(await openGiven(cache, place, keep), signal)
  return { model, files: createModelFiles(model, opened) }
}

async function openAddress(
  parts: Parts,
  cache: ReturnType<typeof createModelCache>,
  place: Extract<ModelPlace, { kind: 'url' }>,
  keep: (source: CachedSource) => CachedSource,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  const url = absoluteUrl(place.url, parts.settings.pageUrl)
  const http = { fetch: parts.fetch, clock: parts.clock, ...(signal && { signal }) }
  const path = url.replace(/[?#].*$/, '')
  // With a copy at hand, a host that is away is given up at once.
  const httpFor = async (key: string) => ((await cache.openStored(key)) ? { ...http, firstAttempts: 1 } : http)
  const one = async (address: string, sha256?: string): Promise<CachedSource> => {
    const origin = await createHttpSource(address, await httpFor(address)).catch((error: unknown) =>
      fallBack(cache, address, error),
    )
    return keep('ensure' in origin ? origin : await cache.open(origin, sha256 === undefined ? {} : { sha256 }))
  }
  if (/\.gguf$/i.test(path)) {
    const addresses = partsOf(url)
    return openModel(await Promise.all(addresses.map((address) => one(address, place.sha256))), signal)
  }
  // One safetensors file brings its folder: config.json and the tokenizer lie beside it.
  const lone = /\.safetensors$/i.test(path) ? url : undefined
  const folder = lone === undefined ? `${url.replace(/\/$/, '')}/` : url.replace(/[^/]*$/, '')
  const folderHttp = await httpFor(new URL('config.json', folder).href)
  return openHuggingFace(
    folder,
    async (name, stop) => {
      const address = lone !== undefined && name === 'model.safetensors' ? lone : new URL(name, folder).href
      try {
        const origin = await findHttpSource(address, { ...folderHttp, ...(stop && { signal: stop }) })
        return (
          origin && keep(await cache.open(origin, lone === address && place.sha256 ? { sha256: place.sha256 } : {}))
        )
      } catch (error) {
        const stored = await cache.openStored(address)
        if (stored) return keep(stored)
        // Offline, a file that was never stored cannot be told from one that never was.
        if (isUnreachable(error) && (await cache.openStored(new URL('config.json', folder).href))) return undefined
        throw error
      }
    },
    signal,
  )
}

/** Without the network, what is stored has to do. */
async function fallBack(
  cache: ReturnType<typeof createModelCache>,
  key: string,
  error: unknown,
): Promise<CachedSource> {
  const stored = isUnreachable(error) ? await cache.openStored(key) : undefined
  if (stored) return stored
  throw error
}

const isUnreachable = (error: unknown) => error instanceof CentramError && error.code === 'SOURCE_UNREACHABLE'

async function openGiven(
  cache: ReturnType<typeof createModelCache>,
  place: Extract<ModelPlace, { kind: 'files' }>,
  keep: (source: CachedSource) => CachedSource,
): Promise<ByteSource[]> {
  return Promise.all(
    place.names.map(async (name, index) => {
      const file = place.files?.[index]
      if (file) return keep(await cache.open(createBlobSource(name, file)))
      const stored = await cache.openStored(`file:${name}:${place.sizes[index] ?? 0}`)
      if (stored) return keep(stored)
      throw new CentramError('SOURCE_UNREACHABLE', `${name} is no longer stored here. Drop the file on the page again.`)
    }),
  )
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
    if (absolute.protocol === 'http:' || absolute.protocol === 'https:') return absolute.href
  } catch {
    // Said below.
  }
  throw new CentramError(
    'BAD_ARGUMENT',
    `"${url.slice(0, 200)}" is no web address. Give one that begins with https://.`,
  )
}

function createModelFiles(model: OpenedModel, opened: readonly CachedSource[]): ModelFiles {
  const sources = model.sources.flatMap((source) => opened.find((cached) => cached === source) ?? [])
  const bySource = (ranges: readonly SourceRange[], index: number): ByteRange[] =>
    ranges
      .filter((range) => range.source === index)
      .map(({ offset, length }) => ({ start: offset, end: offset + length }))

  return {
    storedBytes: () => opened.reduce((sum, source) => sum + source.storedBytes(), 0),
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
          onProgress: (stored) => onProgress(total === 0 ? 1 : Math.min(1, (before + stored) / total)),
        })
        before += bytesOf(list)
      }
    },
    async remove() {
      for (const source of opened) await source.remove()
    },
  }
}
