// Models of each family made up from a seed, for the benchmark: between the built-in one and those that are downloaded in
// size, and of no use but to be timed.

import { createMemorySource } from '#core/formats/byte-source.ts'
import type { ModelConfig, ModelFamily } from '#core/formats/model-config.ts'
import { expectedTensors } from '#core/formats/model-tensors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import { drawUniform } from '#core/training/random-streams.ts'

export type SeededFamily = Exclude<ModelFamily, 'qwen3'>

const COMMON = {
  vocabularySize: 1024,
  contextLength: 256,
  width: 256,
  layers: 4,
  heads: 4,
  headDim: 64,
  tiedHead: true,
} as const

/** Of equal width and depth; network and heads as the family has them. */
export function seededConfig(family: SeededFamily): ModelConfig {
  const name = `seeded ${family}`
  if (family === 'gpt2') return { ...COMMON, family, name, kvHeads: 4, ffnWidth: 1024, normEpsilon: 1e-5 }
  const rope = { base: 10_000, dimensions: 64, layout: 'half' } as const
  return { ...COMMON, family, name, kvHeads: 2, ffnWidth: 704, normEpsilon: 1e-6, rope }
}

/** F32 weights, uniform with the spread of a fresh model's; norms are 1. */
export function makeSeededModel(family: SeededFamily, seed = 1): OpenedModel {
  const config = seededConfig(family)
  const shapes = [...expectedTensors(config)]
  const values = new Float32Array(shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0))
  const tensors = new Map<string, TensorEntry>()
  let at = 0
  for (const [part, [name, shape]] of shapes.entries()) {
    const size = sizeOf(shape)
    const vector = values.subarray(at, at + size)
    const bound = Math.sqrt(3 / (shape[1] ?? 1))
    if (shape.length === 2)
      for (let i = 0; i < size; i++) vector[i] = (2 * drawUniform(seed, 'initial', i, part) - 1) * bound
    else vector.fill(name.endsWith('.weight') ? 1 : 0)
    tensors.set(name, { name, dtype: 'F32', shape, source: 0, offset: at * 4, byteLength: size * 4 })
    at += size
  }
  return {
    format: 'safetensors',
    config,
    tensors,
    sources: [createMemorySource(config.name, new Uint8Array(values.buffer))],
    tokenizer: { kind: 'bytes' },
    templateTokens: {},
    fingerprint: `${config.name} ${seed}`,
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)
