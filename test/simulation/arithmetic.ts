// What simulated shards compute: whole numbers that depend on every byte of a layer's weights, on everything its cache has
// seen, and (where bits are compared) on kernel family and place in the chunk, so that a wrong byte, a forgotten trim, a
// lost column or a replay in other chunks shows as another token.

import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { sampleToken, type SamplingOptions } from '#core/sampling/sampler.ts'
import { PREFILL_CHUNK, type StepFamily } from '../../worker/model/shard.ts'
import { rangesFor } from '../../worker/model/shard-tensors.ts'

const PRIME = 65_521

export interface Arithmetic {
  /** Reads what `range` is made of; one number a layer. */
  loadWeights(model: OpenedModel, range: LayerRange, signal?: AbortSignal): Promise<readonly number[]>
  embed(tokens: Uint32Array, width: number): Float32Array<ArrayBuffer>
  /** Runs one layer over `[columns, width]` in place, from position `at` on of its cache, which it cuts to there first. */
  runLayer(
    layer: number,
    weight: number,
    cache: number[],
    at: number,
    hidden: Float32Array,
    family: StepFamily,
    width: number,
  ): void
  logits(hidden: Float32Array, vocabularySize: number): Float32Array<ArrayBuffer>
}

/** `exact`: the result depends on family and chunk too, as on a GPU. */
export function createArithmetic(exact: boolean): Arithmetic {
  return {
    async loadWeights(model, range, signal) {
      const weights: number[] = []
      for (let layer = range.first; layer < range.last; layer++) {
        let hash = 0x811c9dc5
        for (const { source, offset, length } of rangesFor(model, { first: layer, last: layer + 1 })) {
          const bytes = await model.sources[source]!.read(offset, length, signal)
          for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
        }
        weights.push((hash >>> 0) % PRIME)
      }
      return weights
    },
    embed(tokens, width) {
      const hidden = new Float32Array(tokens.length * width)
      for (const [column, token] of tokens.entries()) {
        for (let i = 0; i < width; i++) hidden[column * width + i] = (token + 1) * (i + 3)
      }
      return hidden
    },
    runLayer(layer, weight, cache, at, hidden, family, width) {
      cache.length = Math.min(cache.length, at)
      for (let column = 0; column * width < hidden.length; column++) {
        const start = column * width
        const place = exact ? (family === 'prefill' ? 1000 + column : 17) : 0
        const before = cache.at(-1) ?? 0
        const mix = (before * 31 + hidden[start]! + hidden[start + 1]! * 3 + weight + place) % PRIME
        cache.push(mix)
        for (let i = 0; i < width; i++) {
          hidden[start + i] = (hidden[start + i]! * (layer + 2) + mix + (i + 1) * weight) % PRIME
        }
      }
    },
    logits(hidden, vocabularySize) {
      const logits = new Float32Array(vocabularySize)
      for (let id = 0; id < vocabularySize; id++) {
        let sum = id * 7919
        for (const [i, value] of hidden.entries()) sum = (sum + value * ((id * 7 + i * 3) % 13)) % PRIME
        logits[id] = sum / 1024
      }
      return logits
    },
  }
}

export interface Oracle {
  /** Of each layer. */
  readonly weights: readonly number[]
  /** The answer of one undisturbed node. */
  answer(
    prompt: readonly number[],
    maxTokens: number,
    sampling: SamplingOptions,
    endTokens: ReadonlySet<number>,
  ): number[]
}

export async function createOracle(model: OpenedModel, arithmetic: Arithmetic): Promise<Oracle> {
  const { width, layers, vocabularySize, contextLength } = model.config
  const weights = await arithmetic.loadWeights(model, { first: 0, last: layers })
  return {
    weights,
    answer(prompt, maxTokens, sampling, endTokens) {
      const caches = weights.map((): number[] => [])
      let length = 0
      const run = (tokens: readonly number[], family: StepFamily): Float32Array => {
        const hidden = arithmetic.embed(Uint32Array.from(tokens), width)
        for (const [layer, weight] of weights.entries()) {
          arithmetic.runLayer(layer, weight, caches[layer]!, length, hidden, family, width)
        }
        length += tokens.length
        return arithmetic.logits(hidden.subarray(hidden.length - width), vocabularySize)
      }
      let logits = new Float32Array(0) as Float32Array
      for (let at = 0; at < prompt.length; at += PREFILL_CHUNK) {
        logits = run(prompt.slice(at, at + PREFILL_CHUNK), 'prefill')
      }
      const tokens: number[] = []
      while (tokens.length < maxTokens) {
        const token = sampleToken({ logits }, sampling, [...prompt, ...tokens], tokens.length)
        tokens.push(token)
        if (endTokens.has(token) || length >= contextLength || tokens.length === maxTokens) break
        logits = run([token], 'decode')
      }
      return tokens
    },
  }
}
