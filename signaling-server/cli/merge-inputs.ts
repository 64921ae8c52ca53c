// Opens what `centram merge` is given: PEFT folders, Hugging Face folders in one file or in shards, safetensors files.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CentramError } from '#core/errors.ts'
import { isJsonObject, readJsonFile } from '#core/formats/json-file.ts'
import { readAdapterSet, type AdapterSet } from '#core/merge/adapter-set.ts'
import { openTensorSet, type TensorSet } from '#core/merge/tensor-set.ts'
import { openFileSource, type FileSource } from './file-source.ts'

export interface MergeInput {
  readonly path: string
  /** `null` for a safetensors file alone. */
  readonly folder: string | null
  readonly set: TensorSet
  /** `null` for whole tensors. */
  readonly adapter: AdapterSet | null
  close(): Promise<void>
}

const CONFIG_BYTES = 4 * 1024 * 1024
const INDEX_BYTES = 16 * 1024 * 1024
const MAX_SHARDS = 1024
const SHARD_NAME = /^[A-Za-z0-9._-]{1,200}\.safetensors$/

export async function openMergeInput(path: string): Promise<MergeInput> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new CentramError('SOURCE_UNREACHABLE', `There is no file or folder ${path}.`)
  const opened: FileSource[] = []
  const open = async (file: string): Promise<FileSource> => {
    const source = await openFileSource(file)
    opened.push(source)
    return source
  }
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((source) => source.close()))
  }
  try {
    if (!found.isDirectory()) {
      return { path, folder: null, set: await openTensorSet(path, [await open(path)]), adapter: null, close }
    }
    const names = await readdir(path)
    if (names.includes('adapter_config.json')) {
      const config = await readJsonFile(await open(join(path, 'adapter_config.json')), CONFIG_BYTES)
      need(path, names, 'adapter_model.safetensors')
      const set = await openTensorSet(path, [await open(join(path, 'adapter_model.safetensors'))])
      return { path, folder: path, set, adapter: readAdapterSet(config.value, set), close }
    }
    const sources: FileSource[] = []
    for (const name of await weightFiles(path, names, open)) sources.push(await open(join(path, name)))
    return { path, folder: path, set: await openTensorSet(path, sources), adapter: null, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function weightFiles(
  folder: string,
  names: readonly string[],
  open: (file: string) => Promise<FileSource>,
): Promise<readonly string[]> {
  if (names.includes('model.safetensors')) return ['model.safetensors']
  need(folder, names, 'model.safetensors.index.json')
  const index = await readJsonFile(await open(join(folder, 'model.safetensors.index.json')), INDEX_BYTES)
  const map = index.value['weight_map']
  const shards = [...new Set(isJsonObject(map) ? Object.values(map) : [])]
  const wrong = shards.find((name) => typeof name !== 'string' || !SHARD_NAME.test(name))
  if (shards.length === 0 || shards.length > MAX_SHARDS || wrong !== undefined) {
    throw new CentramError('FORMAT_INVALID', `${index.name}: its "weight_map" does not name 1 to ${MAX_SHARDS} shards.`)
  }
  for (const name of shards as string[]) need(folder, names, name)
  return (shards as string[]).sort()
}

function need(folder: string, names: readonly string[], name: string): void {
  if (names.includes(name)) return
  const wanted = name.startsWith('model.') ? 'model.safetensors, nor its shards, nor an adapter' : name
  const remedy = names.some((other) => other.endsWith('.bin') || other.endsWith('.pt'))
    ? ' Save it as safetensors first.'
    : ' Fetch it again.'
  throw new CentramError('FORMAT_INVALID', `${folder}: it holds no ${wanted}.${remedy}`)
}
