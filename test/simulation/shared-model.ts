// The model that simulated nodes share: a GGUF file of many small layers, arithmetic that mixes every byte of a layer into
// what it computes, and the answers that follow from it when nothing goes wrong.

import { createMemorySource } from '#core/formats/byte-source.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { buildGguf, tinyLlama, type TensorSpec } from '../core/formats/gguf-builder.ts'
import { createDice } from './random.ts'

export const LAYERS = 10
const WIDTH = 16
const FFN_WIDTH = 160
const CONTEXT = 512

/** Letters, so that prompts are one token a character. */
export const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'

export const MODEL_URL = 'https://origin.example/models/shared.gguf'

export function buildSharedModel(): Uint8Array<ArrayBuffer> {
  const tokens = ['<unk>', '<s>', '</s>', '▁', ...Array.from(ALPHABET), ...Array.from('0123456789')]
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [WIDTH, tokens.length]],
    ['output_norm.weight', [WIDTH]],
    ...Array.from({ length: LAYERS }, (_, layer): [string, number[]][] => [
      [`blk.${layer}.attn_norm.weight`, [WIDTH]],
      [`blk.${layer}.attn_q.weight`, [WIDTH, WIDTH]],
      [`blk.${layer}.attn_k.weight`, [WIDTH, WIDTH]],
      [`blk.${layer}.attn_v.weight`, [WIDTH, WIDTH]],
      [`blk.${layer}.attn_output.weight`, [WIDTH, WIDTH]],
      [`blk.${layer}.ffn_norm.weight`, [WIDTH]],
      [`blk.${layer}.ffn_gate.weight`, [WIDTH, FFN_WIDTH]],
      [`blk.${layer}.ffn_up.weight`, [WIDTH, FFN_WIDTH]],
      [`blk.${layer}.ffn_down.weight`, [FFN_WIDTH, WIDTH]],
    ]).flat(),
  ]
  let offset = 0
  const tensors = shapes.map(([name, dimensions]): TensorSpec => {
    const placed = { name, dimensions, type: 0, offset }
    offset += Math.ceil(dimensions.reduce((a, b) => a * b, 4) / 32) * 32
    return placed
  })
  const { fields } = tinyLlama(({ fields: all }) => {
    all.set('llama.context_length', { type: 'u32', value: CONTEXT })
    all.set('llama.embedding_length', { type: 'u32', value: WIDTH })
    all.set('llama.block_count', { type: 'u32', value: LAYERS })
    all.set('llama.feed_forward_length', { type: 'u32', value: FFN_WIDTH })
    all.set('llama.attention.head_count', { type: 'u32', value: 1 })
    all.set('tokenizer.ggml.tokens', { type: 'strings', value: tokens })
    all.set('tokenizer.ggml.scores', { type: 'f32s', value: tokens.map((_, i) => -i) })
    all.set('tokenizer.ggml.token_type', { type: 'i32s', value: tokens.map((_, i) => [2, 3, 3][i] ?? 1) })
  })
  const bytes = buildGguf({ fields, tensors, dataBytes: offset })
  const weights = createDice('weights of the shared model').bytes(offset)
  bytes.set(weights, bytes.length - offset)
  return bytes
}

export async function openSharedModel(bytes: Uint8Array<ArrayBuffer>): Promise<OpenedModel> {
  return openModel([createMemorySource('shared.gguf', bytes)])
}

export type ModelShape = Pick<ModelConfig, 'width' | 'layers' | 'vocabularySize'>
