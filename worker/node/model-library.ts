// The models this node knows of: from the page's catalogue, from addresses and files a person gave, and from peers' plans. Opens
// their headers, fetches the bytes a stretch of layers needs, and keeps each one's status.

import { fromHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { sizeOf } from '#core/formats/range-set.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import { stageBytes } from '#core/pipeline/place-layers.ts'
import { placementOf, rangesFor, type SourceRange } from '../model/shard-tensors.ts'
import type { ContentExchange } from './content-exchange.ts'
import type { ModelEstimate, ModelInput, ModelState } from './api.ts'
import type { KeptModels } from './kept-models.ts'
import type { ModelContents, StoredFile } from './model-contents.ts'
import { openFrom, storedKeys, type ModelFiles, type ModelPlace } from './model-files.ts'
import {
  describeListed,
  dropListed,
  keepListed,
  readListed,
  shortHash,
  titleFor,
  titleOf,
  type KeptModel,
} from './model-listing.ts'
import { createModelReferences, type ModelReference } from './model-references.ts'
import type { SharingSettings } from './sharing-api.ts'
import type { Surroundings } from './surroundings.ts'
import { createTimeLeft } from './time-left.ts'

export interface ModelLibrary {
  /** Lists the catalogue and what was kept from earlier visits. */
  start(): Promise<void>
  list(): readonly ModelState[]
  add(input: ModelInput): Promise<string>
  /** Reads the headers, once. */
  open(modelId: string, signal?: AbortSignal): Promise<OpenedModel>
  estimate(modelId: string, contextLength: number): Promise<Omit<ModelEstimate, 'engines'>>
  /** Stores the bytes that `range` needs. */
  fetch(modelId: string, range: LayerRange, options: FetchOptions): Promise<void>
  setStatus(modelId: string, change: Partial<Pick<ModelState, 'status' | 'progress' | 'error'>>): void
  /** How a plan names the model to other nodes. */
  reference(modelId: string): ModelReference
  /** The model a plan names, listed first if it was not known. Throws `MODEL_UNKNOWN`, `MODEL_MISMATCH`. */
  resolve(reference: ModelReference, signal: AbortSignal): Promise<{ modelId: string; model: OpenedModel }>
  byFingerprint(fingerprint: string): string | undefined
  /** The listed model that a genome changes; one of its name is opened where none of its fingerprint was yet. */
  findBase(base: { readonly hash: string; readonly name: string }): Promise<string | undefined>
  /** Its files as they are stored; none before it was opened. */
  storedFiles(modelId: string): readonly StoredFile[]
  /** Keys under which its files are stored; opened or not. */
  keysOf(modelId: string): Promise<readonly string[]>
  remove(modelId: string): Promise<void>
}

export interface FetchOptions {
  readonly signal: AbortSignal
  onProgress(part: number): void
  /** For a plan of another node: it counts to what a person lets be kept for others, and makes room there. */
  readonly forOthers?: boolean
}

/** How long adding a file waits until its content is known. */
const LEARNING_MS = 5000

interface Listed {
  state: ModelState
  readonly place: ModelPlace
  opened: Promise<{ readonly model: OpenedModel; readonly files: ModelFiles }> | null
  /** Set once it has been opened. */
  model: OpenedModel | null
  files: ModelFiles | null
}

/** What the library needs of how models are shared. */
export interface LibrarySharing {
  readonly contents: ModelContents
  readonly kept: KeptModels
  readonly exchange: Pick<ContentExchange, 'treeOf'>
  limits(): SharingSettings
  /** Bytes came from the address of a file, kept under that key. */
  onFetched(key: string, bytes: number): void
}

export function createModelLibrary(
  surroundings: Pick<Surroundings, 'settings' | 'records' | 'blobs' | 'fetch' | 'clock'>,
  sharing: LibrarySharing,
  onChange: () => void,
): ModelLibrary {
  const { settings, records, blobs, clock } = surroundings
  const models = new Map<string, Listed>()
  const { contents, kept } = sharing
  const parts = { ...surroundings, contents, treeOf: sharing.exchange.treeOf, onFetched: sharing.onFetched }

  function list(known: ReturnType<typeof describeListed>, place: ModelPlace): Listed {
    const state: ModelState = {
      ...known,
      storedBytes: 0,
      status: 'listed',
      progress: 0,
      secondsLeft: null,
      error: null,
      config: null,
    }
    const listed = { state, place, opened: null, model: null, files: null }
    models.set(known.id, listed)
    onChange()
    return listed
  }

  function find(modelId: string): Listed {
    const listed = models.get(modelId)
    if (listed) return listed
    throw new CentramError(
      'MODEL_UNKNOWN',
      `There is no model "${modelId}" in the list. Add its address or file first.`,
    )
  }

  function update(listed: Listed, change: Partial<ModelState>): void {
    listed.state = { ...listed.state, ...change }
    onChange()
  }

  async function openListed(listed: Listed, signal?: AbortSignal): Promise<{ model: OpenedModel; files: ModelFiles }> {
    const opening = (listed.opened ??= openFrom(parts, listed.place, signal))
    try {
      const opened = await opening
      if (!listed.model) {
        listed.model = opened.model
        listed.files = opened.files
        const { config, chatTemplate } = opened.model
        update(listed, { config, chat: chatTemplate !== undefined, storedBytes: opened.files.storedBytes() })
        update(listed, { sizeBytes: opened.model.sources.reduce((sum, source) => sum + source.size, 0) })
      }
      return opened
    } catch (error) {
      listed.opened = null
      throw error
    }
  }

  /** Lists a model, opens it and keeps it listed; takes it off the list again where it cannot be opened. */
  async function addListed(known: Parameters<typeof list>[0], place: ModelPlace & KeptModel['place']): Promise<string> {
    const { id } = known
    const listed = list(known, place)
    try {
      const { model } = await openListed(listed)
      if (place.kind === 'url') update(listed, { title: titleFor(model, place.url) })
    } catch (error) {
      models.delete(id)
      onChange()
      throw error
    }
    const { title } = listed.state
    if (place.kind !== 'files') await keepListed(records, { id, title, place })
    // The files themselves cannot be kept, only their stored copies.
    else await keepListed(records, { id, title, place: { kind: 'files', names: place.names, sizes: place.sizes } })
    return id
  }

  async function addUrl(url: string, origin: 'url' | 'peer'): Promise<string> {
    // What another node said is at this address is another matter.
    const known = [...models.values()].find(({ state, place }) => state.url === url && place.kind !== 'content')
    if (known) {
      await openListed(known)
      return known.state.id
    }
    const about = { id: `url-${shortHash(url)}`, title: titleOf(url), url, origin, sizeBytes: 0, licence: null }
    return addListed(about, { kind: 'url', url })
  }

  /** What a plan names by its content: the address is asked only for what no node has. */
  async function addContent({ title, url, sizeBytes }: ModelReference, content: string): Promise<string> {
    const id = `content-${content.slice(0, 12)}`
    if (models.has(id)) return id
    const about = { id, title, url, origin: 'peer' as const, sizeBytes, licence: null }
    return addListed(about, { kind: 'content', id: content, url })
  }

  async function keysOf(modelId: string): Promise<readonly string[]> {
    const { files, place } = find(modelId)
    return files ? files.stored.map(({ key }) => key) : storedKeys(parts, place).catch(() => [])
  }

  const contentIdOf = ({ files }: Listed) => (files === null ? undefined : contents.idOf(files.stored))
  const references = createModelReferences({
    models: () =>
      [...models.values()].map((listed) => ({
        id: listed.state.id,
        fingerprint: listed.model?.fingerprint,
        content: contentIdOf(listed),
        isNamed: listed.place.kind === 'content',
      })),
    addUrl: (url) => addUrl(url, 'peer'),
    addContent,
    contentAt: async (url) => (await contents.fromServer(url))?.id,
  })

  async function makeRoom(modelId: string, files: ModelFiles, ranges: readonly SourceRange[]): Promise<void> {
    const more = sizeOf(files.missing(ranges))
    for (const other of kept.toEvict(modelId, more, sharing.limits().keepBytes)) await library.remove(other)
  }

  async function addFiles(files: readonly Blob[], names: readonly string[]): Promise<string> {
    const sizes = files.map((file) => file.size)
    const id = `file-${shortHash(names.map((name, index) => `${name}/${sizes[index] ?? 0}`).join('|'))}`
    const before = models.get(id)
    if (before?.model) return id
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const name = names.find((other) => /\.(gguf|safetensors)$/i.test(other)) ?? names[0] ?? 'file'
    const about = { id, title: titleOf(name), url: null, origin: 'file' as const, sizeBytes: total, licence: null }
    await addListed(about, { kind: 'files', names, sizes, files })
    // Other nodes can hold layers of it once its content is known: worth a moment, not a minute.
    await Promise.race([models.get(id)?.files?.learned, pause(LEARNING_MS)])
    return id
  }

  const pause = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))

  const library: ModelLibrary = {
    async start() {
      for (const entry of settings.catalogue) {
        const { id, title, url, origin, sizeBytes } = entry
        const sha = entry.sha256 === undefined ? {} : { sha256: entry.sha256 }
        list({ id, title, url, origin, sizeBytes, licence: entry.licence ?? null }, { kind: 'url', url, ...sha })
      }
      for (const kept of await readListed(records)) {
        if (!models.has(kept.id)) list(describeListed(kept), kept.place)
      }
    },

    list: () => [...models.values()].map(({ state }) => state),

    async add(input) {
      if (input.kind === 'catalogue') {
        await openListed(find(input.id))
        return input.id
      }
      const id = await (input.kind === 'url' ? addUrl(input.url.trim(), 'url') : addFiles(input.files, input.names))
      await kept.own(id)
      return id
    },

    async open(modelId, signal) {
      return (await openListed(find(modelId), signal)).model
    },

    async estimate(modelId, contextLength) {
      const { model, files } = await openListed(find(modelId))
      const whole = { first: 0, last: model.config.layers }
      const missing = files.missing(rangesFor(model, whole))
      const free = await blobs.estimate()
      const context = Math.min(contextLength, model.config.contextLength)
      return {
        fetchBytes: sizeOf(missing),
        storeBytes: sizeOf(missing),
        gpuBytes: stageBytes(placementOf(model, context), whole),
        ...(free === undefined ? {} : { freeStorageBytes: Math.max(0, free.quota - free.usage) }),
      }
    },

    async fetch(modelId, range, { signal, onProgress, forOthers = false }) {
      const listed = find(modelId)
      const { model, files } = await openListed(listed, signal)
      const ranges = rangesFor(model, range)
      const isKept = forOthers && !kept.isOwn(modelId)
      if (isKept) await makeRoom(modelId, files, ranges)
      else if (!forOthers) await kept.own(modelId)
      const timeLeft = createTimeLeft(clock)
      const whole = range.last - range.first === model.config.layers
      const showPart = (part: number) => {
        onProgress(part)
        const secondsLeft = timeLeft.at(part)
        update(listed, { status: 'fetching', progress: part, secondsLeft, storedBytes: files.storedBytes() })
      }
      try {
        await files.ensure(ranges, whole, { signal, onProgress: showPart })
      } catch (error) {
        // Opened from its stored copy while the origin was away: the next attempt asks the origin again.
        if (errorCode(error) === 'SOURCE_UNREACHABLE') listed.opened = null
        throw error
      } finally {
        if (isKept) await kept.keep(modelId, files.storedBytes())
        update(listed, { secondsLeft: null, storedBytes: files.storedBytes() })
      }
    },

    setStatus(modelId, change) {
      const listed = models.get(modelId)
      if (listed) update(listed, { secondsLeft: null, ...change })
    },

    reference(modelId) {
      const listed = find(modelId)
      const { state, model } = listed
      if (!model) throw new CentramError('INTERNAL', `The model "${modelId}" was used before it was opened.`)
      const { title, url, sizeBytes } = state
      const content = sharing.limits().enabled ? contentIdOf(listed) : undefined
      const named = content === undefined ? null : fromHex(content)
      return { title, url, sizeBytes, fingerprint: model.fingerprint, content: named }
    },

    async resolve(reference, signal) {
      const modelId = await references.find(reference)
      const model = await library.open(modelId, signal)
      if (model.fingerprint !== reference.fingerprint) {
        if (find(modelId).place.kind === 'content') await library.remove(modelId)
        throw new CentramError(
          'MODEL_MISMATCH',
          `"${reference.title}" at ${reference.url} is not the file the asking node has. One of them is an older copy: remove ` +
            'the model on both and load it again.',
        )
      }
      return { modelId, model }
    },

    byFingerprint: references.byFingerprint,

    async findBase({ hash, name }) {
      for (const listed of models.values()) {
        if (references.byFingerprint(hash) !== undefined) break
        // What cannot be opened now is not known to be it.
        if (listed.state.title === name && !listed.model) await openListed(listed).catch(() => undefined)
      }
      return references.byFingerprint(hash)
    },

    storedFiles: (modelId) => models.get(modelId)?.files?.stored ?? [],

    keysOf,

    async remove(modelId) {
      const listed = find(modelId)
      await kept.remove(modelId)
      const opened = await openListed(listed).catch(() => null)
      await opened?.files.remove()
      // Its address may be away; what is stored of it goes all the same.
      if (!opened) for (const key of await keysOf(modelId)) await contents.cache.remove(key)
      listed.opened = null
      listed.model = null
      listed.files = null
      await dropListed(records, modelId)
      if (settings.catalogue.some((entry) => entry.id === modelId)) {
        update(listed, { status: 'listed', progress: 0, storedBytes: 0, error: null })
        return
      }
      models.delete(modelId)
      onChange()
    },
  }
  return library
}
