// Opens a model from a Hugging Face folder: config.json, tokenizer files, and safetensors whole or in shards.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { fingerprintOf, type FingerprintPart } from '#core/formats/fingerprint.ts'
import { configFromHuggingFace, familyFromHuggingFace } from '#core/formats/huggingface-config.ts'
import { canonicalName } from '#core/formats/huggingface-names.ts'
import { chatTemplateOf, templateTokensOf, tokenizerFromHuggingFace } from '#core/formats/huggingface-tokenizer.ts'
import { isJsonObject, readJsonFile, type JsonFile } from '#core/formats/json-file.ts'
import type { ModelFamily } from '#core/formats/model-config.ts'
import { checkModel } from '#core/formats/model-tensors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { readSafetensors, type SafetensorsEntry } from '#core/formats/safetensors.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'

/** Finds a file of the folder by its name; `undefined` when the folder has none such. */
export type FindFile = (name: string, signal?: AbortSignal) => Promise<ByteSource | undefined>

const SMALL_JSON_BYTES = 4 * 1024 * 1024
const INDEX_BYTES = 16 * 1024 * 1024
const TOKENIZER_BYTES = 64 * 1024 * 1024
const TEMPLATE_BYTES = 1024 * 1024
const MAX_SHARDS = 1024
const SHARD_NAME = /^[A-Za-z0-9._-]{1,200}\.safetensors$/

/** @param folder what a person would call the folder. */
export async function openHuggingFace(folder: string, find: FindFile, signal?: AbortSignal): Promise<OpenedModel> {
  const json = async (name: string, capBytes: number): Promise<JsonFile | undefined> => {
    const source = await find(name, signal)
    return source === undefined ? undefined : readJsonFile(source, capBytes, signal)
  }
  const config = await json('config.json', SMALL_JSON_BYTES)
  if (config === undefined) throw missing(folder, 'config.json')
  const family = familyFromHuggingFace(config.name, config.value)

  const sources = await findWeights(folder, find, signal)
  const parts: FingerprintPart[] = []
  const tensors = new Map<string, TensorEntry>()
  for (const [index, source] of sources.entries()) {
    const file = await readSafetensors(source, signal)
    parts.push({ header: file.header, size: source.size })
    for (const entry of file.entries) addTensor(tensors, family, source.name, index, entry)
  }
  const modelConfig = configFromHuggingFace(config.name, config.value, (name) => tensors.get(name)?.shape)
  // Some exports store the tied head a second time.
  if (modelConfig.tiedHead) tensors.delete('output.weight')
  checkModel(folder, modelConfig, tensors)

  const tokenizer = await json('tokenizer.json', TOKENIZER_BYTES)
  const tokenizerConfig = await json('tokenizer_config.json', SMALL_JSON_BYTES)
  const generationConfig = await json('generation_config.json', SMALL_JSON_BYTES)
  const template = await readTemplate(find, signal)
  const spec = tokenizerFromHuggingFace(
    { config, tokenizer, tokenizerConfig, generationConfig },
    modelConfig.vocabularySize,
  )
  for (const file of [config, tokenizer, tokenizerConfig, generationConfig]) {
    if (file !== undefined) parts.push({ header: file.bytes, size: file.bytes.length })
  }
  const chatTemplate = chatTemplateOf(template, tokenizerConfig?.value ?? {})
  return {
    format: 'safetensors',
    config: { ...modelConfig, name: modelConfig.name === family ? folder : modelConfig.name },
    tensors,
    sources,
    tokenizer: spec,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    templateTokens: templateTokensOf(tokenizerConfig?.value ?? {}),
    fingerprint: fingerprintOf(parts),
  }
}

/** The weight files, in the order of their names. */
async function findWeights(folder: string, find: FindFile, signal?: AbortSignal): Promise<ByteSource[]> {
  const whole = await find('model.safetensors', signal)
  if (whole !== undefined) return [whole]
  const indexSource = await find('model.safetensors.index.json', signal)
  if (indexSource === undefined) throw missing(folder, 'model.safetensors (or model.safetensors.index.json)')
  const index = await readJsonFile(indexSource, INDEX_BYTES, signal)
  const map = index.value['weight_map']
  const names = new Set(isJsonObject(map) ? Object.values(map) : [])
  if (names.size === 0 || names.size > MAX_SHARDS) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${index.name}: "weight_map" names ${names.size} files, not 1 to ${MAX_SHARDS}.`,
    )
  }
  const sources: ByteSource[] = []
  for (const name of [...names].sort()) {
    // The name becomes part of an address, so it must stay within the folder.
    if (typeof name !== 'string' || !SHARD_NAME.test(name)) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${index.name}: ${JSON.stringify(name)?.slice(0, 120)} is no shard's name.`,
      )
    }
    const source = await find(name, signal)
    if (source === undefined) throw missing(folder, name)
    sources.push(source)
  }
  return sources
}

function addTensor(
  tensors: Map<string, TensorEntry>,
  family: ModelFamily,
  file: string,
  source: number,
  entry: SafetensorsEntry,
): void {
  const canonical = canonicalName(family, entry.name)
  if (canonical === undefined) return
  const { name, transposed } = canonical
  if (tensors.has(name)) {
    throw new CentramError('FORMAT_INVALID', `${file}: the tensor "${entry.name}" is in this model twice.`)
  }
  const { dtype, offset, byteLength } = entry
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `${file}: the tensor "${entry.name.slice(0, 128)}" (byte ${offset}) is stored as ${dtype}. Read are F32, F16 and ` +
        'BF16; choose a file without quantisation, or a GGUF of this model.',
    )
  }
  const shape = transposed ? [...entry.shape].reverse() : entry.shape
  tensors.set(name, { name, dtype, shape, source, offset, byteLength, ...(transposed ? { transposed } : {}) })
}

async function readTemplate(find: FindFile, signal?: AbortSignal): Promise<string | undefined> {
  const source = await find('chat_template.jinja', signal)
  if (source === undefined) return undefined
  if (source.size > TEMPLATE_BYTES) {
    throw new CentramError('FORMAT_INVALID', `${source.name}: ${source.size} bytes are more than a chat template has.`)
  }
  return new TextDecoder().decode(await source.read(0, source.size, signal))
}

function missing(folder: string, name: string): CentramError {
  return new CentramError(
    'FORMAT_INVALID',
    `${folder}: ${name} is missing. Choose all files of the model's folder together, or a single .gguf file.`,
  )
}
