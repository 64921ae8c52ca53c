// The model files this server hands out: those in its folders, and single files or Hugging Face folders named one by
// one. Addresses are looked up in the list, never joined to a path, so nothing else of the disk can be reached.

import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { CentramError } from '#core/errors.ts'

export interface LocalModel {
  /** Also its address under /models/: `name.gguf`, or `name` of a Hugging Face folder. */
  readonly name: string
  readonly kind: 'file' | 'folder'
  readonly path: string
  readonly sizeBytes: number
}

export interface OfferedModel extends LocalModel {
  readonly origin: 'built-in' | 'server'
}

export interface ModelLibrary {
  list(): Promise<readonly OfferedModel[]>
  /** The file behind a decoded path under /models/, such as `x.gguf` or `folder/config.json`; null where unknown. */
  find(path: string): Promise<string | null>
}

export interface ModelLibraryOptions {
  /** Models that come with the project; their names win over equal ones. */
  readonly builtIn?: readonly string[]
  /** Folders whose models are offered; one that does not exist (yet) is empty. */
  readonly folders: readonly string[]
  /** Single models: a .gguf or .safetensors file, or a folder with config.json. */
  readonly extras?: readonly string[]
}

const MODEL_FILE = /\.(gguf|safetensors)$/i
export const FOLDER_FILE = /^[\w.-]+\.(safetensors|json|txt|model|jinja)$/i
/** A folder with more entries is not a model folder somebody chose with care. */
const MAX_ENTRIES = 10_000

export function createModelLibrary(options: ModelLibraryOptions): ModelLibrary {
  let latest = new Map<string, OfferedModel>()

  async function list(): Promise<readonly OfferedModel[]> {
    const models = new Map<string, OfferedModel>()
    const add = async (path: string, origin: OfferedModel['origin']) => {
      const model = await describeModel(resolve(path))
      if (model && !models.has(model.name)) models.set(model.name, { ...model, origin })
    }
    for (const path of options.builtIn ?? []) await add(path, 'built-in')
    for (const path of options.extras ?? []) await add(path, 'server')
    for (const folder of options.folders) {
      const entries = (await readdir(folder).catch(() => [])).slice(0, MAX_ENTRIES).sort()
      for (const entry of entries) if (!entry.startsWith('.')) await add(join(folder, entry), 'server')
    }
    latest = models
    return [...models.values()]
  }

  return {
    list,
    async find(path) {
      const [name = '', inner, ...rest] = path.split('/')
      // One load is hundreds of range requests: the folders are listed again only for a name not seen before.
      if (!latest.has(name)) await list()
      const model = latest.get(name)
      if (!model || rest.length > 0) return null
      if (model.kind === 'file') return inner === undefined ? model.path : null
      if (inner === undefined || !FOLDER_FILE.test(inner)) return null
      return join(model.path, inner)
    },
  }
}

/** Throws a message that names the path and the remedy unless `path` is something `--model` can load. */
export async function checkModelPath(path: string): Promise<LocalModel> {
  const model = await describeModel(resolve(path))
  if (model) return model
  const exists = await stat(path).catch(() => null)
  throw new CentramError(
    exists ? 'FORMAT_UNSUPPORTED' : 'SOURCE_UNREACHABLE',
    exists
      ? `${path} is not a model: give a .gguf or .safetensors file, or a folder with config.json and *.safetensors.`
      : `There is no file ${resolve(path)}. Check the path, or take a name from \`npx centram model list\`.`,
  )
}

async function describeModel(path: string): Promise<LocalModel | null> {
  const info = await stat(path).catch(() => null)
  if (info?.isFile() && MODEL_FILE.test(path)) return { name: basename(path), kind: 'file', path, sizeBytes: info.size }
  if (!info?.isDirectory()) return null
  const names = (await readdir(path).catch(() => [])).slice(0, MAX_ENTRIES)
  if (!names.includes('config.json') || !names.some((name) => name.endsWith('.safetensors'))) return null
  const sizes = await Promise.all(
    names.filter((name) => FOLDER_FILE.test(name)).map(async (name) => (await stat(join(path, name))).size),
  )
  return { name: basename(path), kind: 'folder', path, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
}
