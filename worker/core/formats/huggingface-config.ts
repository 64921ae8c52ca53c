// A Hugging Face config.json as a ModelConfig. What this engine would compute wrongly is refused by name.

import { CentramError } from '#core/errors.ts'
import { unsupported, type ShapeOf } from '#core/formats/gguf-config.ts'
import { isJsonObject, type JsonObject } from '#core/formats/json-file.ts'
import type { ModelConfig, ModelFamily, RopeConfig } from '#core/formats/model-config.ts'
import { LIMITS } from '#core/formats/model-limits.ts'
import { linearDivisors, llama3Divisors } from '#core/formats/rope-scaling.ts'

const FAMILIES: readonly string[] = ['gpt2', 'llama', 'qwen2', 'qwen3'] satisfies ModelFamily[]

export function familyFromHuggingFace(file: string, json: JsonObject): ModelFamily {
  const type = json['model_type']
  if (typeof type === 'string' && FAMILIES.includes(type)) return type as ModelFamily
  throw new CentramError(
    'MODEL_UNSUPPORTED',
    `${file}: the model type ${JSON.stringify(String(type).slice(0, 64))} is not supported. ` +
      `Supported are ${FAMILIES.join(', ')}; choose a model of one of these families.`,
  )
}

/** @param shapeOf shapes by canonical name. */
export function configFromHuggingFace(file: string, json: JsonObject, shapeOf: ShapeOf): ModelConfig {
  const family = familyFromHuggingFace(file, json)
  refuseFeatures(file, json, family)
  const read = new ConfigReader(file, json)
  const embedding = shapeOf('token_embd.weight')
  if (embedding === undefined) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${file}: the weights have no token embedding under a name of the ${family} family. Choose all files of the model.`,
    )
  }
  const hasHead = shapeOf('output.weight') !== undefined
  const tie = json['tie_word_embeddings']
  const shared = {
    family,
    name: typeof json['_name_or_path'] === 'string' && json['_name_or_path'] !== '' ? json['_name_or_path'] : family,
    vocabularySize: embedding[0] ?? 0,
    // Without a word on it, the weights tell: a head of its own is there or not.
    tiedHead: tie === true || (!hasHead && (family === 'gpt2' || tie === undefined)),
  }
  if (family === 'gpt2') {
    const width = read.integer('n_embd', LIMITS.width)
    const heads = read.integer('n_head', LIMITS.heads)
    return {
      ...shared,
      contextLength: read.integer(json['n_positions'] === undefined ? 'n_ctx' : 'n_positions', LIMITS.contextLength),
      width,
      layers: read.integer('n_layer', LIMITS.layers),
      heads,
      kvHeads: heads,
      headDim: width / heads,
      ffnWidth: read.optionalInteger('n_inner', LIMITS.ffnWidth) ?? 4 * width,
      normEpsilon: read.number('layer_norm_epsilon', 1e-5),
    }
  }
  const width = read.integer('hidden_size', LIMITS.width)
  const heads = read.integer('num_attention_heads', LIMITS.heads)
  // Qwen3's own default is 128, whatever the width.
  const headDim = read.optionalInteger('head_dim', LIMITS.headDim) ?? (family === 'qwen3' ? 128 : width / heads)
  return {
    ...shared,
    contextLength: read.integer('max_position_embeddings', LIMITS.contextLength),
    width,
    layers: read.integer('num_hidden_layers', LIMITS.layers),
    heads,
    kvHeads: read.optionalInteger('num_key_value_heads', LIMITS.heads) ?? heads,
    headDim,
    ffnWidth: read.integer('intermediate_size', LIMITS.ffnWidth),
    normEpsilon: read.number('rms_norm_eps', 1e-6),
    rope: readRope(file, json, headDim),
  }
}

function readRope(file: string, json: JsonObject, dimensions: number): RopeConfig {
  // transformers 5 writes `rope_parameters`, which holds the base too; older versions `rope_theta` and `rope_scaling`.
  const parameters = isJsonObject(json['rope_parameters']) ? json['rope_parameters'] : {}
  const scaling = isJsonObject(json['rope_scaling']) ? json['rope_scaling'] : parameters
  const base = new ConfigReader(file, { rope_theta: json['rope_theta'] ?? parameters['rope_theta'] }).number(
    'rope_theta',
    10_000,
  )
  const rope: RopeConfig = { base, dimensions, layout: 'half' }
  const partial = json['partial_rotary_factor'] ?? parameters['partial_rotary_factor'] ?? 1
  if (partial !== 1) throw unsupported(file, `RoPE on a part of each head (${shown(partial)})`)

  const type = scaling['rope_type'] ?? scaling['type'] ?? 'default'
  const read = new ConfigReader(file, scaling)
  if (type === 'default') return rope
  if (type === 'linear') return { ...rope, frequencyDivisors: linearDivisors(dimensions, read.number('factor')) }
  if (type === 'llama3') {
    const divisors = llama3Divisors(base, dimensions, {
      factor: read.number('factor'),
      lowFrequencyFactor: read.number('low_freq_factor'),
      highFrequencyFactor: read.number('high_freq_factor'),
      originalContextLength: read.integer('original_max_position_embeddings', LIMITS.contextLength),
    })
    return { ...rope, frequencyDivisors: divisors }
  }
  throw unsupported(file, `RoPE scaling of type ${shown(type)}`)
}

function refuseFeatures(file: string, json: JsonObject, family: ModelFamily): void {
  if (isJsonObject(json['quantization_config'])) throw unsupported(file, 'weights quantised in another way than GGUF')
  const activation = json[family === 'gpt2' ? 'activation_function' : 'hidden_act']
  const known = family === 'gpt2' ? ['gelu_new', 'gelu_pytorch_tanh'] : ['silu', 'swish']
  if (activation !== undefined && !known.some((name) => name === activation)) {
    throw unsupported(file, `the activation ${shown(activation)}`)
  }
  if (family === 'gpt2') {
    if (json['scale_attn_weights'] === false) throw unsupported(file, 'attention without scaling')
    for (const flag of ['scale_attn_by_inverse_layer_idx', 'add_cross_attention']) {
      if (json[flag] === true) throw unsupported(file, `"${flag}"`)
    }
    return
  }
  for (const name of ['num_experts', 'num_local_experts', 'n_routed_experts']) {
    if (typeof json[name] === 'number' && json[name] > 0) throw unsupported(file, 'a mixture of experts')
  }
  const types = json['layer_types']
  const sliding =
    Array.isArray(types) && types.some((type) => type !== 'full_attention')
      ? 'layers of different attention'
      : json['use_sliding_window'] === true && windowMatters(json)
        ? `sliding-window attention of ${String(json['sliding_window'])}`
        : undefined
  if (sliding !== undefined) throw unsupported(file, sliding)
}

/** Qwen files name a window; it counts for layers from `max_window_layers` on, within a shorter window than the context. */
function windowMatters(json: JsonObject): boolean {
  const window = json['sliding_window']
  const from = json['max_window_layers']
  const layers = json['num_hidden_layers']
  const context = json['max_position_embeddings']
  if (typeof window !== 'number') return false
  if (typeof from === 'number' && typeof layers === 'number' && from >= layers) return false
  return typeof context !== 'number' || window < context
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing'
}

class ConfigReader {
  private readonly file: string
  private readonly json: JsonObject

  constructor(file: string, json: JsonObject) {
    this.file = file
    this.json = json
  }

  integer(key: string, most: number): number {
    return this.optionalInteger(key, most) ?? this.refuse(key, `a whole number from 1 to ${most}`)
  }

  optionalInteger(key: string, most: number): number | undefined {
    const value = this.json[key]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
    this.refuse(key, `a whole number from 1 to ${most}`)
  }

  number(key: string, absent?: number): number {
    const value = this.json[key] ?? absent
    if (typeof value === 'number' && Number.isFinite(value)) return value
    this.refuse(key, 'a number')
  }

  private refuse(key: string, expected: string): never {
    throw new CentramError(
      'FORMAT_INVALID',
      `${this.file}: "${key}" is ${shown(this.json[key])} where ${expected} belongs. Fetch the file again.`,
    )
  }
}
