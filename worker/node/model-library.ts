// The models this node knows of: from the page's catalogue, from addresses and files a person gave, and from peers' plans. Opens
// their headers, fetches the bytes a stretch of layers needs, and keeps each one's status.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { sizeOf } from '#core/formats/range-set.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import { stageBytes } from '#core/pipeline/place-layers.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { placementOf, rangesFor } from '../model/shard-tensors.ts'
import type { ModelEstimate, ModelInput, ModelState } from './api.ts'
import { openFrom, type ModelFiles, type ModelPlace } from './model-files.ts'
import type { Surroundings } from './surroundings.ts'
import { createTimeLeft } from './time-left.ts'

export interface ModelLibrary {
  /** Lists the catalogue and what was kept from earlier visits. */
  start(): Promise<void>
  list(): readonly ModelState[]
  add(input: ModelInput): Promise<string>
  /** Reads the headers, once. */
  open(modelId: string, signal?: AbortSignal): Promise<OpenedModel>
  estimate(modelId: string, contextLength: number): Promise<ModelEstimate>
  /** Stores the bytes that `range` needs. */
  fetch(modelId: string, range: LayerRange, options: FetchOptions): Promise<void>
  setStatus(modelId: string, change: Partial<Pick<ModelState, 'status' | 'progress' | 'error'>>): void
  /** How a plan names the model to other nodes. */
  reference(modelId: string): ModelReference
  /** The model a plan names, listed first if it was not known. Throws `MODEL_UNKNOWN`, `MODEL_MISMATCH`. */
  resolve(reference: ModelReference, signal: AbortSignal): Promise<{ modelId: string; model: OpenedModel }>
  byFingerprint(fingerprint: string): string | undefined
  remove(modelId: string): Promise<void>
}

export type ModelReference = BodyOf<'PIPE_PLAN'>['model']

export interface FetchOptions {
  readonly signal: AbortSignal
  onProgress(part: number): void
}

interface Listed {
  state: ModelState
  readonly place: ModelPlace
  opened: Promise<{ readonly model: OpenedModel; readonly files: ModelFiles }> | null
  /** Set once it has been opened. */
  model: OpenedModel | null
}

/** What is kept of a model a person added, to list it again at the next visit. */
interface KeptModel {
  readonly id: string
  readonly title: string
  readonly place:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'files'; readonly names: readonly string[]; readonly sizes: readonly number[] }
}

export function createModelLibrary(
  surroundings: Pick<Surroundings, 'settings' | 'records' | 'blobs' | 'fetch' | 'clock' | 'withLock'>,
  onChange: () => void,
): ModelLibrary {
  const { settings, records, blobs, clock } = surroundings
  const models = new Map<string, Listed>()

  function list(
    known: Pick<ModelState, 'id' | 'title' | 'url' | 'origin' | 'sizeBytes' | 'licence'>,
    place: ModelPlace,
  ): Listed {
    const state: ModelState = {
      ...known,
      storedBytes: 0,
      status: 'listed',
      progress: 0,
      secondsLeft: null,
      error: null,
      config: null,
    }
    const listed = { state, place, opened: null, model: null }
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
    const opening = (listed.opened ??= openFrom(surroundings, listed.place, signal))
    try {
      const opened = await opening
      if (!listed.model) {
        listed.model = opened.model
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

  async function keep(id: string, title: string, place: KeptModel['place']): Promise<void> {
    await records.put('models', id, { id, title, place } satisfies KeptModel)
  }

  async function addUrl(url: string, origin: 'url' | 'peer'): Promise<string> {
    const known = [...models.values()].find(({ state }) => state.url === url)
    if (known) {
      await openListed(known)
      return known.state.id
    }
    const id = `url-${shortHash(url)}`
    const listed = list({ id, title: titleOf(url), url, origin, sizeBytes: 0, licence: null }, { kind: 'url', url })
    try {
      const { model } = await openListed(listed)
      update(listed, { title: titleFor(model, url) })
    } catch (error) {
      models.delete(id)
      onChange()
      throw error
    }
    await keep(id, listed.state.title, { kind: 'url', url })
    return id
  }

  async function addFiles(files: readonly Blob[], names: readonly string[]): Promise<string> {
    const sizes = files.map((file) => file.size)
    const id = `file-${shortHash(names.map((name, index) => `${name}/${sizes[index] ?? 0}`).join('|'))}`
    const before = models.get(id)
    if (before?.model) return id
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const name = names.find((other) => /\.(gguf|safetensors)$/i.test(other)) ?? names[0] ?? 'file'
    const about = { id, title: titleOf(name), url: null, origin: 'file' as const, sizeBytes: total, licence: null }
    const listed = list(about, { kind: 'files', names, sizes, files })
    try {
      await openListed(listed)
    } catch (error) {
      models.delete(id)
      onChange()
      throw error
    }
    await keep(id, listed.state.title, { kind: 'files', names, sizes })
    return id
  }

  const library: ModelLibrary = {
    async start() {
      for (const entry of settings.catalogue) {
        const { id, title, url, origin, sizeBytes } = entry
        const sha = entry.sha256 === undefined ? {} : { sha256: entry.sha256 }
        list({ id, title, url, origin, sizeBytes, licence: entry.licence ?? null }, { kind: 'url', url, ...sha })
      }
      for (const key of await records.keys('models')) {
        const kept = await records.get('models', key)
        if (!isKept(kept) || models.has(kept.id)) continue
        const { id, title, place } = kept
        const url = place.kind === 'url' ? place.url : null
        const sizeBytes = place.kind === 'files' ? place.sizes.reduce((sum, size) => sum + size, 0) : 0
        list({ id, title, url, origin: place.kind === 'url' ? 'url' : 'file', sizeBytes, licence: null }, place)
      }
    },

    list: () => [...models.values()].map(({ state }) => state),

    async add(input) {
      if (input.kind === 'catalogue') {
        await openListed(find(input.id))
        return input.id
      }
      return input.kind === 'url' ? addUrl(input.url.trim(), 'url') : addFiles(input.files, input.names)
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

    async fetch(modelId, range, { signal, onProgress }) {
      const listed = find(modelId)
      const { model, files } = await openListed(listed, signal)
      const timeLeft = createTimeLeft(clock)
      const whole = range.last - range.first === model.config.layers
      const showPart = (part: number) => {
        onProgress(part)
        const secondsLeft = timeLeft.at(part)
        update(listed, { status: 'fetching', progress: part, secondsLeft, storedBytes: files.storedBytes() })
      }
      try {
        await files.ensure(rangesFor(model, range), whole, { signal, onProgress: showPart })
      } finally {
        update(listed, { secondsLeft: null, storedBytes: files.storedBytes() })
      }
    },

    setStatus(modelId, change) {
      const listed = models.get(modelId)
      if (listed) update(listed, { secondsLeft: null, ...change })
    },

    reference(modelId) {
      const { state, model } = find(modelId)
      if (!model) throw new CentramError('INTERNAL', `The model "${modelId}" was used before it was opened.`)
      const { title, url, sizeBytes } = state
      return { title, url, sizeBytes, fingerprint: model.fingerprint }
    },

    async resolve(reference, signal) {
      const known = library.byFingerprint(reference.fingerprint)
      if (known !== undefined) return { modelId: known, model: await library.open(known, signal) }
      if (reference.url === null) {
        throw new CentramError(
          'MODEL_UNKNOWN',
          `"${reference.title}" was opened from a file on the asking device. Drop the same file on this page too, or put it ` +
            'into the server’s models folder so that every node can read it.',
        )
      }
      const modelId = await addUrl(checkedAddress(reference.url), 'peer')
      const model = await library.open(modelId, signal)
      if (model.fingerprint !== reference.fingerprint) {
        throw new CentramError(
          'MODEL_MISMATCH',
          `"${reference.title}" at ${reference.url} is not the file the asking node has. One of them is an older copy: remove ` +
            'the model on both and load it again.',
        )
      }
      return { modelId, model }
    },

    byFingerprint(fingerprint) {
      return [...models.values()].find(({ model }) => model?.fingerprint === fingerprint)?.state.id
    },

    async remove(modelId) {
      const listed = find(modelId)
      const opened = await openListed(listed).catch(() => null)
      await opened?.files.remove()
      listed.opened = null
      listed.model = null
      await records.delete('models', modelId)
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

/** A peer may point at the shared server (a relative address) or at a public HTTPS file, and at nothing else. */
function checkedAddress(url: string): string {
  const isRelative = !/^[a-z][a-z0-9+.-]*:/i.test(url) && !url.startsWith('/') && !url.includes('..')
  if (isRelative || /^https:\/\//i.test(url)) return url
  throw new CentramError(
    'PEER_REFUSED',
    `A node asked for a model at an address that is not HTTPS: ${url.slice(0, 200)}`,
  )
}

const shortHash = (text: string) => toHex(sha256(utf8(text)).subarray(0, 6))

/** The last part of a path, without its suffix. */
function titleOf(path: string): string {
  const parts = path
    .replace(/[?#].*$/, '')
    .split(/[/\\]/)
    .filter((part) => part !== '')
  return (parts.at(-1) ?? path).replace(/\.(gguf|safetensors)$/i, '')
}

const titleFor = (model: OpenedModel, path: string) =>
  // A folder's config.json often names no model; then the reader calls it by its address.
  /\.(gguf|safetensors)$/i.test(path.replace(/[?#].*$/, '')) || /^https?:/.test(model.config.name)
    ? titleOf(path)
    : model.config.name || titleOf(path)

function isKept(value: unknown): value is KeptModel {
  if (typeof value !== 'object' || value === null) return false
  const { id, title, place } = value as Partial<KeptModel>
  return typeof id === 'string' && typeof title === 'string' && typeof place === 'object' && 'kind' in place
}
