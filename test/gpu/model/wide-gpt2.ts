// One GPT-2 block, wide enough that its matrices are read in several pieces, of seeded weights in memory.

import { createMemorySource } from '#core/formats/byte-source.ts'
import { expectedTensors } from '#core/formats/model-tensors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'

const CONFIG: ModelConfig = {
  family: 'gpt2',
  name: 'wide',
  vocabularySize: 40,
  contextLength: 8,
  width: 1024,
  layers: 1,
  heads: 16,
  kvHeads: 16,
  headDim: 64,
  ffnWidth: 2304,
  normEpsilon: 1e-5,
  tiedHead: true,
}

/** The same weights, with the block's matrices as `[out, in]` or as `[in, out]`. */
export function wideGpt2(transposed: boolean): OpenedModel {
  const shapes = expectedTensors(CONFIG)
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)
  const all = new Float32Array([...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0))
  const tensors = new Map<string, TensorEntry>()
  let first = 0
  let seed = 1
  for (const [name, shape] of shapes) {
    const [out = 0, inner = 1] = shape
    const isTurned = transposed && shape.length === 2 && name.startsWith('blk.')
    for (let row = 0; row < out; row++) {
      for (let column = 0; column < inner; column++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
        const value = (seed / 2 ** 32 - 0.5) * (shape.length === 2 ? 0.1 : 1)
        all[first + (isTurned ? column * out + row : row * inner + column)] = value
      }
    }
    const place = { name, dtype: 'F32' as const, shape, source: 0, offset: first * 4, byteLength: sizeOf(shape) * 4 }
    tensors.set(name, isTurned ? { ...place, transposed: true } : place)
    first += sizeOf(shape)
  }
  return {
    format: 'safetensors',
    config: CONFIG,
    tensors,
    sources: [createMemorySource('wide', new Uint8Array(all.buffer))],
    tokenizer: { kind: 'bytes' },
    templateTokens: {},
    fingerprint: 'wide',
  }
}
