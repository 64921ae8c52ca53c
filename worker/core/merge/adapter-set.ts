// A plain LoRA adapter as PEFT stores it: adapter_config.json and pairs of matrices by module, checked against each other.

import { CentramError } from '#core/errors.ts'
import { isJsonObject, type JsonObject } from '#core/formats/json-file.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'
import { isFloat, readFloats, type StoredTensor, type TensorSet } from '#core/merge/tensor-set.ts'

export interface AdapterModule {
  readonly name: string
  readonly a: StoredTensor
  readonly b: StoredTensor
  readonly rank: number
  /** What B·A is multiplied by. */
  readonly scale: number
  /** Of ΔW = scale · B·A. */
  readonly rows: number
  readonly columns: number
}

export interface AdapterSet {
  readonly name: string
  readonly config: JsonObject
  readonly set: TensorSet
  readonly modules: ReadonlyMap<string, AdapterModule>
}

const PREFIX = 'base_model.model.'
/** A linear's matrices, or an embedding's, which PEFT stores without `.weight`. */
const MATRIX = /^(.+)\.lora_(?:([AB])\.weight|embedding_([AB]))$/
const MAX_RANK = 65_536

/** Throws `FORMAT_INVALID` where config and tensors disagree, `MODEL_UNSUPPORTED` for anything but plain LoRA. */
export function readAdapterSet(config: JsonObject, set: TensorSet): AdapterSet {
  const { name } = set
  if (config['peft_type'] !== 'LORA') {
    throw unsupported(name, `its peft_type is ${JSON.stringify(config['peft_type'] ?? null)}`)
  }
  if (config['use_dora'] === true) throw unsupported(name, 'it is a DoRA adapter')
  const pairs = new Map<string, { a?: StoredTensor; b?: StoredTensor }>()
  for (const tensor of set.tensors.values()) {
    const [, module, linear, embedding] = MATRIX.exec(tensor.name) ?? []
    if (module === undefined)
      throw unsupported(name, `it carries "${tensor.name.slice(0, 128)}", which is no LoRA matrix`)
    if (!isFloat(tensor) || tensor.shape.length !== 2) {
      throw unsupported(name, `"${tensor.name}" is no matrix of F32, F16 or BF16`)
    }
    const bare = module.startsWith(PREFIX) ? module.slice(PREFIX.length) : module
    const pair = pairs.get(bare) ?? {}
    pair[(linear ?? embedding) === 'A' ? 'a' : 'b'] = tensor
    pairs.set(bare, pair)
  }
  const modules = new Map<string, AdapterModule>()
  for (const [module, { a, b }] of pairs) {
    if (a === undefined || b === undefined) {
      throw invalid(name, `the module "${module}" has no lora_${a === undefined ? 'A' : 'B'}`)
    }
    const [rank = 0, columns = 0] = a.shape
    const [rows = 0, rankOfB = 0] = b.shape
    const declared = numberFor(name, config, module, 'rank_pattern', 'r')
    if (rank !== rankOfB || rank !== declared || rank < 1 || rank > MAX_RANK) {
      throw invalid(
        name,
        `"${module}" has A of rank ${rank}, B of rank ${rankOfB}, and adapter_config.json says ${declared}`,
      )
    }
    const alpha = numberFor(name, config, module, 'alpha_pattern', 'lora_alpha')
    const scale = alpha / (config['use_rslora'] === true ? Math.sqrt(rank) : rank)
    modules.set(module, { name: module, a, b, rank, scale, rows, columns })
  }
  return { name, config, set, modules }
}

/** The model that the adapter says it was trained on. */
export function baseModelOf({ config }: AdapterSet): string | null {
  const name = config['base_model_name_or_path']
  return typeof name === 'string' && name !== '' ? name : null
}

export async function readUpdate(module: AdapterModule, signal?: AbortSignal): Promise<LowRankUpdate> {
  const { rows, columns, rank, scale } = module
  return { rows, columns, rank, scale, a: await readFloats(module.a, signal), b: await readFloats(module.b, signal) }
}

/**
 * A module's own value, or the one for all. PEFT takes the keys of a pattern for regular expressions that match the end
 * of a name; here they must be plain names, since a foreign file's expression may run for ever.
 */
function numberFor(file: string, config: JsonObject, module: string, pattern: string, fallback: string): number {
  const table = config[pattern]
  if (isJsonObject(table)) {
    for (const [key, value] of Object.entries(table)) {
      if (!/^[\w.-]+$/.test(key)) {
        throw unsupported(
          file,
          `its ${pattern} has the key ${JSON.stringify(key.slice(0, 128))}, which is no plain name`,
        )
      }
      if (module === key || module.endsWith(`.${key}`)) return positive(file, value, `${pattern} of "${key}"`)
    }
  }
  return positive(file, config[fallback], fallback)
}

function positive(file: string, value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw invalid(file, `${what} in adapter_config.json is ${JSON.stringify(value ?? null)}, not a positive number`)
}

function unsupported(name: string, problem: string): CentramError {
  return new CentramError(
    'MODEL_UNSUPPORTED',
    `${name.slice(0, 200)}: ${problem}. Only plain LoRA adapters can be merged; merge this one into its base model first.`,
  )
}

function invalid(name: string, problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `${name}: ${problem}. The adapter is damaged; export or fetch it again.`)
}
