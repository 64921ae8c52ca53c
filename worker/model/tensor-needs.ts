// Which tensors a stretch of layers is made of, by family, with the shapes they must have; and from that the byte ranges a
// node fetches and the bytes it takes.

import { CentramError } from '#core/errors.ts'
import { unionOf } from '#core/formats/range-set.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { PlacementModel } from '#core/pipeline/place-layers.ts'

export interface TensorNeed {
  readonly name: string
  /** As in `TensorEntry`: a linear weight is `[out, in]`. */
  readonly shape: readonly number[]
  /** The family is complete without it (biases some checkpoints have). */
  readonly optional?: true
}

/** Bytes `[offset, offset + length)` of source number `source`. */
export interface SourceRange {
  readonly source: number
  readonly offset: number
  readonly length: number
}

/** Bytes of KV cache one layer takes for `positions` positions: f32 keys and values. */
export function cacheBytes(config: ModelConfig, positions: number): number {
  return 2 * 4 * positions * config.kvHeads * config.headDim
}

export function holdsEmbedding(range: LayerRange): boolean {
  return range.first === 0
}

export function holdsHead(config: ModelConfig, range: LayerRange): boolean {
  return range.last === config.layers
}

export function embeddingNeeds(config: ModelConfig): TensorNeed[] {
  const { width, vocabularySize, contextLength } = config
  const tokens = { name: 'token_embd.weight', shape: [vocabularySize, width] }
  if (config.family !== 'gpt2') return [tokens]
  return [tokens, { name: 'position_embd.weight', shape: [contextLength, width] }]
}

export function headNeeds(config: ModelConfig): TensorNeed[] {
  const { width, vocabularySize } = config
  const matrix = config.tiedHead ? 'token_embd.weight' : 'output.weight'
  return [...normNeeds(config, 'output_norm'), { name: matrix, shape: [vocabularySize, width] }]
}

export function layerNeeds(config: ModelConfig, layer: number): TensorNeed[] {
  const { family, width, ffnWidth, heads, kvHeads, headDim } = config
  const at = `blk.${layer}.`
  const queries = heads * headDim
  const keys = kvHeads * headDim
  const matrix = (name: string, out: number, inner: number): TensorNeed => ({
    name: `${at}${name}.weight`,
    shape: [out, inner],
  })
  const linear = (name: string, out: number, inner: number, bias: 'bias' | 'may have a bias'): TensorNeed[] => [
    matrix(name, out, inner),
    { name: `${at}${name}.bias`, shape: [out], ...(bias === 'bias' ? {} : { optional: true as const }) },
  ]
  if (family === 'gpt2') {
    return [
      ...normNeeds(config, `${at}attn_norm`),
      ...linear('attn_qkv', queries + 2 * keys, width, 'bias'),
      ...linear('attn_output', width, queries, 'bias'),
      ...normNeeds(config, `${at}ffn_norm`),
      ...linear('ffn_up', ffnWidth, width, 'bias'),
      ...linear('ffn_down', width, ffnWidth, 'bias'),
    ]
  }
  const qkvBias = family === 'qwen2' ? 'bias' : 'may have a bias'
  const headNorm = (name: string): TensorNeed[] =>
    family === 'qwen3' ? [{ name: `${at}${name}.weight`, shape: [headDim] }] : []
  return [
    ...normNeeds(config, `${at}attn_norm`),
    ...linear('attn_q', queries, width, qkvBias),
    ...linear('attn_k', keys, width, qkvBias),
    ...linear('attn_v', keys, width, qkvBias),
    ...headNorm('attn_q_norm'),
    ...headNorm('attn_k_norm'),
    ...linear('attn_output', width, queries, 'may have a bias'),
    ...normNeeds(config, `${at}ffn_norm`),
    matrix('ffn_gate', ffnWidth, width),
    matrix('ffn_up', ffnWidth, width),
    matrix('ffn_down', width, ffnWidth),
  ]
}

function normNeeds(config: ModelConfig, name: string): TensorNeed[] {
  const weight = { name: `${name}.weight`, shape: [config.width] }
  return config.family === 'gpt2' ? [weight, { name: `${name}.bias`, shape: [config.width] }] : [weight]
}

/**
 * The tensors of `range`, each once. Throws `BAD_ARGUMENT` for a range outside the model, and `FORMAT_INVALID` where one
 * is missing or has another shape than the configuration says.
 */
export function tensorsOf(model: OpenedModel, range: LayerRange): TensorEntry[] {
  const { config } = model
  const { first, last } = range
  if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first < last && last <= config.layers)) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Layers ${first} to ${last} are no part of a model of ${config.layers} layers.`,
    )
  }
  const needs = [
    ...(holdsEmbedding(range) ? embeddingNeeds(config) : []),
    ...Array.from({ length: last - first }, (_, index) => layerNeeds(config, first + index)).flat(),
    ...(holdsHead(config, range) ? headNeeds(config) : []),
  ]
  const found = new Map<string, TensorEntry>()
  for (const need of needs) {
    const entry = findTensor(model, need)
    if (entry) found.set(need.name, entry)
  }
  return [...found.values()]
}

function findTensor(model: OpenedModel, need: TensorNeed): TensorEntry | undefined {
  const entry = model.tensors.get(need.name)
  const where = model.sources[entry?.source ?? 0]?.name ?? model.config.name
  if (!entry) {
    if (need.optional) return undefined
    throw new CentramError(
      'FORMAT_INVALID',
      `${where}: the tensor "${need.name}" is missing, which a ${model.config.family} model needs. ` +
        'The file is incomplete; fetch it again or choose another.',
    )
  }
  if (entry.shape.length !== need.shape.length || entry.shape.some((size, axis) => size !== need.shape[axis])) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${where}: the tensor "${need.name}" has shape [${entry.shape.join(', ')}], but the model's configuration asks for ` +
        `[${need.shape.join(', ')}]. The file is damaged or mislabelled; choose another.`,
    )
  }
  return entry
}

/** The byte ranges `range` needs, sorted, touching ones joined: all that its node has to fetch. */
export function rangesFor(model: OpenedModel, range: LayerRange): SourceRange[] {
  const entries = tensorsOf(model, range)
  return model.sources.flatMap((_, source) =>
    unionOf(
      entries
        .filter((entry) => entry.source === source)
        .map(({ offset, byteLength }) => ({ start: offset, end: offset + byteLength })),
    ).map(({ start, end }) => ({ source, offset: start, length: end - start })),
  )
}

/** Bytes of the weights of `range`, as stored. On the GPU they take the same to within a few per cent. */
export function bytesFor(model: OpenedModel, range: LayerRange): number {
  return tensorsOf(model, range).reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** What `placeLayers` asks of a model, for sessions of `contextLength` positions. */
export function placementOf(model: OpenedModel, contextLength: number): PlacementModel {
  const { config } = model
  const bytesOf = (needs: readonly TensorNeed[]) =>
    needs.reduce((sum, need) => sum + (findTensor(model, need)?.byteLength ?? 0), 0)
  return {
    layerBytes: Array.from({ length: config.layers }, (_, layer) => bytesOf(layerNeeds(config, layer))),
    cacheBytesPerLayer: cacheBytes(config, contextLength),
    embeddingBytes: bytesOf(embeddingNeeds(config)),
    headBytes: bytesOf(headNeeds(config)),
  }
}
