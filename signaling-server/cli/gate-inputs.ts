// What `centram gate` is given: an exported zip, a PEFT folder with or without its signed manifest, one tensors' file, or a
// folder of any of these. What cannot be opened is kept with its error: it is to be refused, not left out.

import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { CentramError, errorMessage } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { readJsonFile } from '#core/formats/json-file.ts'
import type { ModelFamily } from '#core/formats/model-config.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { AdapterDescription, Arrival } from '#core/gate/layer.ts'
import { ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, readPeftConfig } from '#core/genome/peft-config.ts'
import { GENOME_FILE } from '#core/genome/signed-genome.ts'
import { readZip, type Inflate } from '#core/genome/zip.ts'
import { checkModelPath, FOLDER_FILE } from '../model-library.ts'
import { openFileSource, type FileSource } from './file-source.ts'
import { listModels } from './model-files.ts'
import { PROJECT_FOLDER } from './project.ts'

export interface GateInput {
  /** As it was named, or found under what was named. */
  readonly path: string
  /** The error where its files cannot be opened. */
  readonly arrival: Arrival | CentramError
}

interface NamedFile {
  readonly name: string
  read(): Promise<Uint8Array<ArrayBuffer>>
}

const MAX_CONFIG_BYTES = 1024 * 1024
const MAX_FILES = 10_000

/** Throws `SOURCE_UNREACHABLE` where there is nothing, `BAD_ARGUMENT` where there is nothing to judge. */
export async function openGateInputs(path: string, family: ModelFamily | null, maxBytes: number): Promise<GateInput[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found) throw new CentramError('SOURCE_UNREACHABLE', `There is no file or folder ${path}.`)
  const places = found.isDirectory() ? await placesIn(path, 2) : [path]
  if (places.length === 0) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `${path} holds no ${ADAPTER_WEIGHTS_FILE}, no other .safetensors and no zip.`,
    )
  }
  return Promise.all(
    places.map(async (place) => {
      const arrival = openArrival(place, family, maxBytes).catch((error: unknown) =>
        error instanceof CentramError ? error : new CentramError('FORMAT_INVALID', errorMessage(error)),
      )
      return { path: place, arrival: await arrival }
    }),
  )
}

/** Folders that are an adapter, zips, and single files of tensors, in the order of their names. */
async function placesIn(folder: string, depth: number): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).slice(0, MAX_FILES)
  if (entries.some(({ name }) => name === ADAPTER_WEIGHTS_FILE)) return [folder]
  const nested = await Promise.all(
    entries
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (entry) => {
        const path = join(folder, entry.name)
        if (entry.isDirectory()) return depth > 0 ? placesIn(path, depth - 1) : []
        return /\.(zip|safetensors)$/i.test(entry.name) ? [path] : []
      }),
  )
  return nested.flat()
}

async function openArrival(path: string, family: ModelFamily | null, maxBytes: number): Promise<Arrival> {
  const files = await filesAt(path, maxBytes)
  const tensors = await one(files, ADAPTER_WEIGHTS_FILE, /\.safetensors$/i)
  if (!tensors) throw new CentramError('FORMAT_INVALID', `${path} holds no ${ADAPTER_WEIGHTS_FILE}.`)
  const manifest = await one(files, GENOME_FILE)
  const config = await one(files, ADAPTER_CONFIG_FILE)
  return {
    sender: null,
    announcement: null,
    content: null,
    manifest,
    unsigned: manifest === null && config !== null ? await describe(config, tensors, family) : null,
    tensors,
    claim: null,
    again: false,
  }
}

async function filesAt(path: string, maxBytes: number): Promise<readonly NamedFile[]> {
  const { size } = await stat(path)
  if (/\.zip$/i.test(path)) {
    checkSize(path, size, maxBytes)
    const entries = await readZip(path, new Uint8Array(await readFile(path)), maxBytes, inflate)
    return entries.map(({ name, bytes }) => ({ name: basename(name), read: () => Promise.resolve(bytes) }))
  }
  const isFolder = (await stat(path)).isDirectory()
  const folder = isFolder ? path : dirname(path)
  const names = isFolder ? await readdir(path) : [basename(path), ADAPTER_CONFIG_FILE, GENOME_FILE]
  const present = await Promise.all(
    names.map(async (name) => ({ name, info: await stat(join(folder, name)).catch(() => null) })),
  )
  return present
    .filter(({ info }) => info?.isFile() === true)
    .map(({ name, info }) => ({
      name,
      async read() {
        checkSize(join(folder, name), info?.size ?? 0, maxBytes)
        return new Uint8Array(await readFile(join(folder, name)))
      },
    }))
}

function checkSize(path: string, size: number, maxBytes: number): void {
  if (size > maxBytes) throw new CentramError('FORMAT_INVALID', `${path} has ${size} bytes; ${maxBytes} are the most.`)
}

/** The one file of a name, or else of a kind. Two are one too many: which one another program takes nobody knows. */
async function one(files: readonly NamedFile[], name: string, kind?: RegExp): Promise<Uint8Array<ArrayBuffer> | null> {
  const named = files.filter((file) => file.name === name)
  const fitting = named.length > 0 || !kind ? named : files.filter((file) => kind.test(file.name))
  if (fitting.length > 1) throw new CentramError('FORMAT_INVALID', `It holds ${fitting.length} files called ${name}.`)
  return (await fitting[0]?.read()) ?? null
}

async function describe(
  config: Uint8Array,
  tensors: Uint8Array,
  family: ModelFamily | null,
): Promise<AdapterDescription> {
  const { value } = await readJsonFile(createMemorySource(ADAPTER_CONFIG_FILE, config), MAX_CONFIG_BYTES)
  const { rank, alpha, rankStabilised } = readPeftConfig(ADAPTER_CONFIG_FILE, value)
  // Without its base model only the names of its tensors tell GPT-2 from the others.
  const names = new TextDecoder().decode(tensors.subarray(8, 512))
  return { family: family ?? (names.includes('.c_') ? 'gpt2' : 'llama'), rank, alpha, rankStabilised }
}

const inflate: Inflate = (bytes, length) => {
  try {
    return Promise.resolve(new Uint8Array(inflateRawSync(bytes, { maxOutputLength: Math.max(1, length) })))
  } catch (cause) {
    return Promise.reject(
      new CentramError('FORMAT_INVALID', 'The zip is damaged: a part of it cannot be unpacked. Pack it again.', {
        cause,
      }),
    )
  }
}

/** The built-in model, a GGUF file, a Hugging Face folder, or a model fetched before by its name. */
export async function withBaseModel<Result>(
  name: string | null,
  use: (model: OpenedModel | null) => Promise<Result>,
): Promise<Result> {
  if (name === null) return use(null)
  const opened: FileSource[] = []
  try {
    for (const path of await filesOfModel(name)) opened.push(await openFileSource(path))
    return await use(await openModel(opened))
  } finally {
    await Promise.all(opened.map((source) => source.close()))
  }
}

async function filesOfModel(name: string): Promise<string[]> {
  const fetched = (await listModels()).find(({ id }) => id === name.toLowerCase())?.path
  const builtIn = name === 'toy' ? join(PROJECT_FOLDER, 'web', 'public', 'models', 'toy') : undefined
  const { kind, path } = await checkModelPath(builtIn ?? fetched ?? name)
  if (kind === 'file') return [path]
  return (await readdir(path)).filter((file) => FOLDER_FILE.test(file)).map((file) => join(path, file))
}
