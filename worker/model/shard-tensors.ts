// Which tensors a stretch of layers is made of, and from that the byte ranges a node fetches and the bytes it takes.
// That a model has every tensor of its family, in the right shape, was checked when it was opened.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { unionOf } from '#core/formats/range-set.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { PlacementModel } from '#core/pipeline/place-layers.ts'

/** Bytes `[offset, offset + length)` of source number `source`. */
export interface SourceRange {
  readonly source: number
  readonly offset: number
  readonly length: number
}

export function holdsEmbedding(range: LayerRange): boolean {
  return range.first === 0
}

export function holdsHead(config: ModelConfig, range: LayerRange): boolean {
  return range.last === config.layers
}

/** The name of the output matrix. */
export function headMatrixName(config: ModelConfig): string {
  return config.tiedHead ? 'token_embd.weight' : 'output.weight'
}

/** The tensors of `range`, each once. Throws `BAD_ARGUMENT` for a range outside the model. */
export function tensorsOf(model: OpenedModel, range: LayerRange): TensorEntry[] {
  const { first, last } = range
  const { layers } = model.config
  if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first < last && last <= layers)) {
    throw new CentramError('BAD_ARGUMENT', `Layers ${first} to ${last} are no part of a model of ${layers} layers.`)
  }
  return [...model.tensors.values()].filter(({ name }) => {
    const layer = layerOf(name)
    if (layer !== undefined) return layer >= first && layer < last
    return (
      (holdsEmbedding(range) && isEmbedding(name)) || (holdsHead(model.config, range) && isHead(model.config, name))
    )
  })
}

const layerOf = (name: string): number | undefined => {
  const match = /^blk\.(\d+)\./.exec(name)
  return match ? Number(match[1]) : undefined
}
const isEmbedding = (name: string) => name === 'token_embd.weight' || name === 'position_embd.weight'
const isHead = (config: ModelConfig, name: string) =>
  name === headMatrixName(config) || name === 'output_norm.weight' || name === 'output_norm.bias'

/** The byte ranges `range` needs, in order, touching ones joined: all that its node has to fetch. */
export function rangesFor(model: OpenedModel, range: LayerRange): SourceRange[] {
  const entries = tensorsOf(model, range)
  return model.sources.flatMap((_, source) => {
    const wanted = entries
      .filter((entry) => entry.source === source)
      .map(({ offset, byteLength }) => ({ start: offset, end: offset + byteLength }))
    return unionOf(wanted).map(({ start, end }) => ({ source, offset: start, length: end - start }))
  })
}

/** Bytes of the weights of `range`, as stored. On the GPU they take the same to within a few per cent. */
export function bytesFor(model: OpenedModel, range: LayerRange): number {
  return sumBytes(tensorsOf(model, range))
}

/** Bytes of KV cache one layer takes for `positions` positions: keys and values in f32. */
export function cacheBytes(config: ModelConfig, positions: number): number {
  return 2 * 4 * positions * config.kvHeads * config.headDim
}

/** What `placeLayers` asks of a model, for sessions of `contextLength` positions. */
export function placementOf(model: OpenedModel, contextLength: number): PlacementModel {
  const { config } = model
  const entries = [...model.tensors.values()]
  const layerBytes = new Array<number>(config.layers).fill(0)
  for (const { name, byteLength } of entries) {
    const layer = layerOf(name)
    if (layer !== undefined) layerBytes[layer] = (layerBytes[layer] ?? 0) + byteLength
  }
  return {
    layerBytes,
    cacheBytesPerLayer: cacheBytes(config, contextLength),
    embeddingBytes: sumBytes(entries.filter(({ name }) => isEmbedding(name))),
    headBytes: sumBytes(entries.filter(({ name }) => isHead(config, name))),
  }
}

const sumBytes = (entries: readonly TensorEntry[]) => entries.reduce((sum, { byteLength }) => sum + byteLength, 0)
