// An adapter as PEFT's two files and back. Hugging Face's row order throughout: what a GGUF file stores in another order is
// the loader's business.

import { CentramError } from '#core/errors.ts'
import { utf8 } from '#core/crypto/bytes.ts'
import { createMemorySource, type ByteSource } from '#core/formats/byte-source.ts'
import { readJsonFile } from '#core/formats/json-file.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { layOutSafetensors, type SafetensorsLayout } from '#core/formats/safetensors-writer.ts'
import { readSafetensors, type SafetensorsEntry } from '#core/formats/safetensors.ts'
import { checkAdapter, type Adapter, type LoraPair } from '#core/genome/adapter.ts'
import { adaptedModules, parseModuleName, targetShape, targetsOf, type LoraConfig } from '#core/genome/lora-config.ts'
import {
  ADAPTER_CONFIG_FILE,
  ADAPTER_WEIGHTS_FILE,
  readPeftConfig,
  writePeftConfig,
  type PeftConfig,
  type PeftConfigOptions,
} from '#core/genome/peft-config.ts'
import { peftTensorName, readPeftTensorName } from '#core/genome/peft-names.ts'
import { dequantise } from '#core/numeric/dequantise.ts'

export interface PeftFile {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface PeftAdapter {
  readonly adapter: Adapter
  readonly config: PeftConfig
}

const MAX_CONFIG_BYTES = 1024 * 1024
const MAX_WEIGHTS_BYTES = 2 * 1024 * 1024 * 1024

/** The two files of a PEFT folder; the tensors are also what a genome's hash covers. */
export function exportPeft(model: ModelConfig, adapter: Adapter, options: PeftConfigOptions = {}): PeftFile[] {
  return [
    { name: ADAPTER_CONFIG_FILE, bytes: utf8(writePeftConfig(model.family, adapter.lora, options)) },
    { name: ADAPTER_WEIGHTS_FILE, bytes: encodeAdapterTensors(model, adapter) },
  ]
}

/** `adapter_model.safetensors` in f32: one adapter has one encoding. */
export function encodeAdapterTensors(model: ModelConfig, adapter: Adapter): Uint8Array<ArrayBuffer> {
  const { family } = model
  const values = new Map<string, Float32Array>()
  for (const [module, { a, b }] of adapter.modules) {
    values.set(peftTensorName(family, module, 'A'), a).set(peftTensorName(family, module, 'B'), b)
  }
  const layout = layOutAdapter(model, adapter.lora.rank, [...adapter.modules.keys()])
  const bytes = new Uint8Array(layout.size)
  bytes.set(layout.header)
  for (const { name, offset } of layout.entries) {
    const tensor = values.get(name)
    if (tensor) bytes.set(new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength), offset)
  }
  return bytes
}

/** The length of an adapter's tensors as they are encoded above. */
export function adapterTensorBytes(model: ModelConfig, { targets, rank }: LoraConfig): number {
  return layOutAdapter(model, rank, adaptedModules(model, targets)).size
}

function layOutAdapter(model: ModelConfig, rank: number, modules: readonly string[]): SafetensorsLayout {
  const { family } = model
  const plans = modules.flatMap((module) => {
    const { inputs, outputs } = targetShape(model, parseModuleName(family, module).target)
    return [
      { name: peftTensorName(family, module, 'A'), dtype: 'F32', shape: [rank, inputs] },
      { name: peftTensorName(family, module, 'B'), dtype: 'F32', shape: [outputs, rank] },
    ]
  })
  return layOutSafetensors(plans, { format: 'pt' })
}

/**
 * Reads a PEFT folder for a model. Throws `FORMAT_INVALID`, `FORMAT_UNSUPPORTED` (a kind of adapter that cannot be applied
 * here) or `MODEL_MISMATCH`, naming the file and the tensor.
 */
export async function importPeft(model: ModelConfig, files: readonly ByteSource[]): Promise<PeftAdapter> {
  const configFile = findFile(files, ADAPTER_CONFIG_FILE)
  const weightsFile = findFile(files, ADAPTER_WEIGHTS_FILE)
  const json = await readJsonFile(configFile, MAX_CONFIG_BYTES)
  const config = readPeftConfig(configFile.name, json.value)
  return { config, adapter: await readAdapterTensors(model, config, weightsFile) }
}

/** Decodes a genome's tensors, whose configuration its manifest holds. */
export function decodeAdapterTensors(model: ModelConfig, lora: LoraConfig, bytes: Uint8Array): Promise<Adapter> {
  return readAdapterTensors(model, lora, createMemorySource(ADAPTER_WEIGHTS_FILE, bytes))
}

async function readAdapterTensors(
  model: ModelConfig,
  lora: Omit<LoraConfig, 'targets'>,
  source: ByteSource,
): Promise<Adapter> {
  if (source.size > MAX_WEIGHTS_BYTES) {
    throw new CentramError('FORMAT_INVALID', `${source.name}: ${source.size} bytes are too many for an adapter.`)
  }
  const { family } = model
  const parts = new Map<string, Partial<Record<'A' | 'B', Float32Array<ArrayBuffer>>>>()
  const found = new Set<string>()
  for (const entry of (await readSafetensors(source)).entries) {
    const name = readPeftTensorName(family, entry.name)
    if (name === undefined) {
      throw new CentramError(
        'FORMAT_UNSUPPORTED',
        `${source.name}: the tensor "${entry.name.slice(0, 128)}" is no LoRA matrix of a linear that a ${family} model can ` +
          'adapt here. Train the adapter on the attention and feed-forward linears only.',
      )
    }
    const { inputs, outputs } = targetShape(model, name.target)
    const expected = name.part === 'A' ? [lora.rank, inputs] : [outputs, lora.rank]
    if (entry.shape.length !== 2 || entry.shape[0] !== expected[0] || entry.shape[1] !== expected[1]) {
      throw new CentramError(
        'MODEL_MISMATCH',
        `${source.name}: the tensor "${entry.name}" has the shape [${entry.shape.join(', ')}] where ` +
          `[${expected.join(', ')}] follows from the model and the rank ${lora.rank}. Use it with the model it was made for.`,
      )
    }
    found.add(name.target)
    const pair = parts.get(name.module) ?? {}
    pair[name.part] = await readTensor(source, entry)
    parts.set(name.module, pair)
  }
  const targets = targetsOf(family).filter((target) => found.has(target))
  const modules = [...parts].map(([module, { A: a, B: b }]): [string, LoraPair] => {
    if (a && b) return [module, { a, b }]
    throw new CentramError('FORMAT_INVALID', `${source.name}: one of the two matrices of ${module} is missing.`)
  })
  const { rank, alpha, rankStabilised } = lora
  const adapter = { lora: { targets, rank, alpha, rankStabilised }, modules: new Map(modules) }
  checkAdapter(model, adapter)
  return adapter
}

async function readTensor(source: ByteSource, entry: SafetensorsEntry): Promise<Float32Array<ArrayBuffer>> {
  const { dtype, name, offset, byteLength } = entry
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new CentramError('FORMAT_UNSUPPORTED', `${source.name}: the tensor "${name}" is of the type ${dtype}.`)
  }
  return new Float32Array(dequantise(dtype, await source.read(offset, byteLength)))
}

function findFile(files: readonly ByteSource[], name: string): ByteSource {
  const file = files.find((candidate) => candidate.name.split('/').at(-1) === name)
  if (file) return file
  const old = files.some((candidate) => candidate.name.endsWith('adapter_model.bin'))
  throw new CentramError(
    'FORMAT_INVALID',
    `${name} is missing. A PEFT adapter is a folder with ${ADAPTER_CONFIG_FILE} and ${ADAPTER_WEIGHTS_FILE}.` +
      (old ? ' A .bin file is executable code and is not read: save it with safe_serialization.' : ''),
  )
}
