// GGUF metadata as a ModelConfig. What this engine would compute wrongly is refused by name.
// Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { CentramError } from '#core/errors.ts'
import type { GgufMetadata } from '#core/formats/gguf-metadata.ts'
import { LIMITS } from '#core/formats/model-limits.ts'
import type { ModelConfig, ModelFamily, RopeConfig } from '#core/formats/model-config.ts'
import { linearDivisors } from '#core/formats/rope-scaling.ts'

/** What the configuration needs to know of the tensors: shapes by canonical name. */
export type ShapeOf = (name: string) => readonly number[] | undefined

const FAMILIES: readonly string[] = ['gpt2', 'llama', 'qwen2', 'qwen3'] satisfies ModelFamily[]

/** @param ropeDivisors the values of `rope_freqs.weight`, where the file has it. */
export function configFromGguf(
  metadata: GgufMetadata,
  shapeOf: ShapeOf,
  ropeDivisors: readonly number[] | undefined,
): ModelConfig {
  const architecture = metadata.required('general.architecture', metadata.string('general.architecture'))
  if (!FAMILIES.includes(architecture)) {
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `${metadata.fileName}: the architecture "${architecture.slice(0, 64)}" is not supported. ` +
        `Supported are ${FAMILIES.join(', ')}; choose a model of one of these families.`,
    )
  }
  const family = architecture as ModelFamily
  refuseFeatures(metadata, family)

  const key = (name: string): string => `${family}.${name}`
  const integer = (name: string, most: number): number =>
    metadata.required(key(name), metadata.uniformInteger(key(name), 1, most))

  const width = integer('embedding_length', LIMITS.width)
  const heads = integer('attention.head_count', LIMITS.heads)
  const epsilonKey = key(family === 'gpt2' ? 'attention.layer_norm_epsilon' : 'attention.layer_norm_rms_epsilon')
  // Files without `key_length` hold it in the shape of the query projection alone.
  const queryRows = family === 'gpt2' ? width : (shapeOf('blk.0.attn_q.weight')?.[0] ?? width)
  const headDim = metadata.integer(key('attention.key_length'), 1, LIMITS.headDim) ?? queryRows / heads
  const valueDim = metadata.integer(key('attention.value_length'), 1, LIMITS.headDim) ?? headDim
  if (valueDim !== headDim) {
    throw unsupported(metadata.fileName, `value heads of ${valueDim} beside key heads of ${headDim}`)
  }
  const embedding = metadata.required('token_embd.weight', shapeOf('token_embd.weight'))

  const config: ModelConfig = {
    family,
    name: metadata.string('general.name') ?? metadata.fileName,
    vocabularySize: embedding[0] ?? 0,
    contextLength: integer('context_length', LIMITS.contextLength),
    width,
    layers: integer('block_count', LIMITS.layers),
    heads,
    kvHeads: metadata.uniformInteger(key('attention.head_count_kv'), 1, LIMITS.heads) ?? heads,
    headDim,
    ffnWidth: integer('feed_forward_length', LIMITS.ffnWidth),
    normEpsilon: metadata.required(epsilonKey, metadata.number(epsilonKey)),
    tiedHead: shapeOf('output.weight') === undefined,
  }
  return family === 'gpt2' ? config : { ...config, rope: ropeFromGguf(metadata, family, headDim, ropeDivisors) }
}

function ropeFromGguf(
  metadata: GgufMetadata,
  family: ModelFamily,
  headDim: number,
  ropeDivisors: readonly number[] | undefined,
): RopeConfig {
  const key = (name: string): string => `${family}.rope.${name}`
  const dimensions = metadata.integer(key('dimension_count'), 2, LIMITS.headDim) ?? headDim
  const rope = {
    base: metadata.number(key('freq_base')) ?? 10_000,
    dimensions,
    // llama.cpp permutes the query and key rows of the llama family so that pairs lie side by side.
    layout: family === 'llama' ? ('interleaved' as const) : ('half' as const),
  }
  if (ropeDivisors !== undefined) return { ...rope, frequencyDivisors: ropeDivisors }

  const scaling = metadata.string(key('scaling.type'))
  const factor = metadata.number(key('scaling.factor')) ?? metadata.number(key('scale_linear')) ?? 1
  if (scaling !== undefined && scaling !== 'none' && scaling !== 'linear') {
    throw unsupported(metadata.fileName, `RoPE scaling of type "${scaling.slice(0, 32)}"`)
  }
  if (scaling === 'none' || factor === 1) return rope
  return { ...rope, frequencyDivisors: linearDivisors(dimensions, factor) }
}

function refuseFeatures(metadata: GgufMetadata, family: ModelFamily): void {
  const { fileName } = metadata
  const key = (name: string): string => `${family}.${name}`
  const experts = metadata.number(key('expert_count')) ?? 0
  if (experts > 0) throw unsupported(fileName, `a mixture of ${experts} experts`)
  const contextLength = metadata.number(key('context_length')) ?? 0
  const window = metadata.number(key('attention.sliding_window')) ?? 0
  if (window > 0 && window < contextLength) throw unsupported(fileName, `sliding-window attention of ${window}`)
  if (metadata.boolean(key('attention.causal')) === false) throw unsupported(fileName, 'attention that is not causal')
  for (const name of [
    'attention.scale',
    'logit_scale',
    'residual_scale',
    'embedding_scale',
    'attn_logit_softcapping',
  ]) {
    if (metadata.has(key(name))) throw unsupported(fileName, `"${key(name)}"`)
  }
}

export function unsupported(fileName: string, feature: string): CentramError {
  return new CentramError(
    'MODEL_UNSUPPORTED',
    `${fileName}: the model uses ${feature}, which is not supported: its answers would be wrong. Choose another model.`,
  )
}
