// A model of any family as an ONNX graph, in f32, with its KV cache as inputs and outputs and the logits of the last position as
// its result. Attention is `GroupQueryAttention` of ONNX Runtime, which rotates, caches and masks by itself.

import type { ModelConfig } from '#core/formats/model-config.ts'
import { expectedTensors } from '#core/formats/model-tensors.ts'
import type { OnnxAttribute, OnnxConstant, OnnxGraph, OnnxNode, OnnxValue } from './onnx-file.ts'

/** Tables of a rotary model that are no weights of its file: `[positions, dimensions / 2]`. */
export const ROPE_TABLES = { cos: 'rope.cos', sin: 'rope.sin' } as const

/** Names of a layer's cache: what a step is given and what it gives back, `[1, kvHeads, positions, headDim]`. */
export const cacheNames = (layer: number) =>
  (['key', 'value'] as const).map((part) => ({ past: `past.${layer}.${part}`, present: `present.${layer}.${part}` }))

/** Of the weights, those that the graph wants as `[in, out]`: what a product over several positions multiplies by. */
export const isLinear = (name: string) => /^blk\.\d+\..*\.weight$/.test(name) && !name.includes('norm')

/**
 * Inputs `input_ids` `[1, positions]` (int64), `position_ids` of learned positions, `seqlens_k` (positions in all less one) and
 * `total_sequence_length`; outputs `logits` `[1, vocabularySize]` and the caches.
 */
export function graphOf(config: ModelConfig, positions: number): OnnxGraph {
  const weights = expectedTensors(config)
  const nodes: OnnxNode[] = []
  const shapes = new Map<string, OnnxConstant>()
  let count = 0

  /** Adds an operator and gives the name of what it makes. */
  function add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    { domain, outputs = [`${operator}.${count++}`] }: { domain?: 'com.microsoft'; outputs?: readonly string[] } = {},
  ): string {
    nodes.push({ operator, inputs, outputs, attributes, ...(domain && { domain }) })
    return outputs[0] ?? ''
  }

  function norm(input: string, name: string): string {
    const epsilon = { float: config.normEpsilon }
    return weights.has(`${name}.bias`)
      ? add('LayerNormalization', [input, `${name}.weight`, `${name}.bias`], { axis: -1, epsilon })
      : add('SimplifiedLayerNormalization', [input, `${name}.weight`], { axis: -1, epsilon })
  }

  function linear(input: string, name: string): string {
    const product = add('MatMul', [input, `${name}.weight`])
    return weights.has(`${name}.bias`) ? add('Add', [product, `${name}.bias`]) : product
  }

  /** A constant of whole numbers: 0 keeps the length that is there. */
  function shape(...values: number[]): string {
    const name = `shape.${values.join('.')}`
    shapes.set(name, { name, element: 'int64', shape: [values.length], values })
    return name
  }

  function normHeads(input: string, name: string, heads: number): string {
    if (!weights.has(`${name}.weight`)) return input
    const apart = add('Reshape', [input, shape(0, 0, heads, config.headDim)])
    return add('Reshape', [norm(apart, name), shape(0, 0, heads * config.headDim)])
  }

  function attend(input: string, layer: number): string {
    const at = `blk.${layer}`
    const [query = '', key = '', value = ''] = weights.has(`${at}.attn_qkv.weight`)
      ? splitThree(linear(input, `${at}.attn_qkv`))
      : ['q', 'k', 'v'].map((part) => linear(input, `${at}.attn_${part}`))
    const { rope } = config
    const [keys, values] = cacheNames(layer)
    return add(
      'GroupQueryAttention',
      [
        normHeads(query, `${at}.attn_q_norm`, config.heads),
        normHeads(key, `${at}.attn_k_norm`, config.kvHeads),
        value,
        keys?.past ?? '',
        values?.past ?? '',
        'seqlens_k',
        'total_sequence_length',
        ...(rope ? [ROPE_TABLES.cos, ROPE_TABLES.sin] : []),
      ],
      {
        num_heads: config.heads,
        kv_num_heads: config.kvHeads,
        do_rotary: rope ? 1 : 0,
        rotary_interleaved: rope?.layout === 'interleaved' ? 1 : 0,
      },
      { domain: 'com.microsoft', outputs: [`attended.${layer}`, keys?.present ?? '', values?.present ?? ''] },
    )
  }

  function splitThree(input: string): string[] {
    const outputs = ['q', 'k', 'v'].map((part) => `${input}.${part}`)
    add('Split', [input], { axis: -1, num_outputs: 3 }, { outputs })
    return outputs
  }

  function feedForward(input: string, at: string): string {
    const up = linear(input, `${at}.ffn_up`)
    if (!weights.has(`${at}.ffn_gate.weight`)) {
      return linear(add('FastGelu', [up], {}, { domain: 'com.microsoft' }), `${at}.ffn_down`)
    }
    const gate = linear(input, `${at}.ffn_gate`)
    const open = add('Mul', [gate, add('Sigmoid', [gate])])
    return linear(add('Mul', [open, up]), `${at}.ffn_down`)
  }

  let hidden = add('Gather', ['token_embd.weight', 'input_ids'])
  if (!config.rope) hidden = add('Add', [hidden, add('Gather', ['position_embd.weight', 'position_ids'])])
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `blk.${layer}`
    const attended = attend(norm(hidden, `${at}.attn_norm`), layer)
    hidden = add('Add', [hidden, linear(attended, `${at}.attn_output`)])
    hidden = add('Add', [hidden, feedForward(norm(hidden, `${at}.ffn_norm`), at)])
  }
  const last = add('Gather', [hidden, 'last'], { axis: 1 })
  const head = config.tiedHead ? 'token_embd.weight' : 'output.weight'
  add('Gemm', [norm(last, 'output_norm'), head], { transB: 1 }, { outputs: ['logits'] })

  const cacheShape = (length: string) => [1, config.kvHeads, length, config.headDim]
  const layers = Array.from({ length: config.layers }, (_, layer) => cacheNames(layer)).flat()
  const float = (name: string, lengths: readonly (number | string)[]): OnnxValue => ({
    name,
    element: 'float',
    shape: lengths,
  })
  const tables = config.rope
    ? Object.values(ROPE_TABLES).map((name) => ({ name, shape: [positions, (config.rope?.dimensions ?? 0) / 2] }))
    : []
  return {
    nodes,
    inputs: [
      { name: 'input_ids', element: 'int64', shape: [1, 'positions'] },
      ...(config.rope ? [] : [{ name: 'position_ids', element: 'int64' as const, shape: [1, 'positions'] }]),
      { name: 'seqlens_k', element: 'int32', shape: [1] },
      { name: 'total_sequence_length', element: 'int32', shape: [] },
      ...layers.map(({ past }) => float(past, cacheShape('before'))),
    ],
    outputs: [
      float('logits', [1, config.vocabularySize]),
      ...layers.map(({ present }) => float(present, cacheShape('after'))),
    ],
    constants: [
      { name: 'last', element: 'int64', shape: [], values: [-1] },
      ...shapes.values(),
      ...[...tables, ...[...weights].map(([name, lengths]) => ({ name, shape: lengths }))].map(
        ({ name, shape: lengths }) => ({
          name,
          element: 'float' as const,
          shape: isLinear(name) ? lengths.toReversed() : lengths,
        }),
      ),
    ],
  }
}
