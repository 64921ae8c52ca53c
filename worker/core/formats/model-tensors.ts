// The tensors a model of each family consists of, by canonical name, with their shapes, and the check that a file
// has exactly these: a missing one is an error, and so is one that this engine would silently leave out.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'

/** Shapes by name. Row-major; a linear weight is `[out, in]`. */
export function expectedTensors(config: ModelConfig): Map<string, readonly number[]> {
  const { width, vocabularySize, layers } = config
  const shapes = new Map<string, readonly number[]>()
  shapes.set('token_embd.weight', [vocabularySize, width])
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, shape] of blockTensors(config)) shapes.set(`blk.${layer}.${name}`, shape)
  }
  shapes.set('output_norm.weight', [width])
  if (config.family === 'gpt2') {
    shapes.set('position_embd.weight', [config.contextLength, width])
    shapes.set('output_norm.bias', [width])
  }
  if (!config.tiedHead) shapes.set('output.weight', [vocabularySize, width])
  return shapes
}

function blockTensors(config: ModelConfig): [string, readonly number[]][] {
  const { width, ffnWidth, family } = config
  const query = config.heads * config.headDim
  const keyValue = config.kvHeads * config.headDim
  if (family === 'gpt2') {
    return [
      ['attn_norm.weight', [width]],
      ['attn_norm.bias', [width]],
      ['attn_qkv.weight', [3 * width, width]],
      ['attn_qkv.bias', [3 * width]],
      ['attn_output.weight', [width, width]],
      ['attn_output.bias', [width]],
      ['ffn_norm.weight', [width]],
      ['ffn_norm.bias', [width]],
      ['ffn_up.weight', [ffnWidth, width]],
      ['ffn_up.bias', [ffnWidth]],
      ['ffn_down.weight', [width, ffnWidth]],
      ['ffn_down.bias', [width]],
    ]
  }
  const tensors: [string, readonly number[]][] = [
    ['attn_norm.weight', [width]],
    ['attn_q.weight', [query, width]],
    ['attn_k.weight', [keyValue, width]],
    ['attn_v.weight', [keyValue, width]],
    ['attn_output.weight', [width, query]],
    ['ffn_norm.weight', [width]],
    ['ffn_gate.weight', [ffnWidth, width]],
    ['ffn_up.weight', [ffnWidth, width]],
    ['ffn_down.weight', [width, ffnWidth]],
  ]
  if (family === 'qwen2') {
    tensors.push(['attn_q.bias', [query]], ['attn_k.bias', [keyValue]], ['attn_v.bias', [keyValue]])
  }
  if (family === 'qwen3')
    tensors.push(['attn_q_norm.weight', [config.headDim]], ['attn_k_norm.weight', [config.headDim]])
  return tensors
}

/** Throws unless `config` is consistent and `tensors` are exactly those of its family. */
export function checkModel(name: string, config: ModelConfig, tensors: ReadonlyMap<string, TensorEntry>): void {
  checkConfig(name, config)
  if (config.layers > tensors.size) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${name}: it declares ${config.layers} layers but holds ${tensors.size} tensors. Fetch the file again.`,
    )
  }
  const expected = expectedTensors(config)
  for (const [tensorName, shape] of expected) {
    const tensor = tensors.get(tensorName)
    if (tensor === undefined) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${name}: the tensor "${tensorName}" is missing from this ${config.family} model. Fetch the file again, or all ` +
          'parts of it where it comes in several.',
      )
    }
    if (tensor.shape.length !== shape.length || tensor.shape.some((length, i) => length !== shape[i])) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${name}: the tensor "${tensorName}" (byte ${tensor.offset}) has the shape [${tensor.shape.join(', ')}] where ` +
          `[${shape.join(', ')}] follows from the configuration.`,
      )
    }
  }
  for (const tensorName of tensors.keys()) {
    if (expected.has(tensorName)) continue
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `${name}: the tensor "${tensorName.slice(0, 128)}" is no part of a plain ${config.family} model, so its answers ` +
        'would be wrong here. Choose another model.',
    )
  }
}

function checkConfig(name: string, config: ModelConfig): void {
  const { width, heads, kvHeads, headDim, rope } = config
  const problem =
    !Number.isInteger(headDim) || headDim < 1
      ? `a head size of ${headDim}`
      : heads % kvHeads !== 0
        ? `${heads} heads that do not divide over ${kvHeads} key-value heads`
        : config.family === 'gpt2' && (heads * headDim !== width || kvHeads !== heads)
          ? `${heads} heads of ${headDim} in a width of ${width}`
          : !(config.normEpsilon >= 0 && config.normEpsilon < 1)
            ? `a norm epsilon of ${config.normEpsilon}`
            : rope !== undefined && (rope.dimensions % 2 !== 0 || rope.dimensions > headDim)
              ? `${rope.dimensions} rotated dimensions in heads of ${headDim}`
              : rope !== undefined && !(rope.base > 0 && Number.isFinite(rope.base))
                ? `a RoPE base of ${rope.base}`
                : rope?.frequencyDivisors !== undefined && !validDivisors(rope.frequencyDivisors, rope.dimensions / 2)
                  ? `RoPE divisors that are not ${rope.dimensions / 2} positive numbers`
                  : undefined
  if (problem !== undefined) {
    throw new CentramError('FORMAT_INVALID', `${name}: the configuration has ${problem}. Fetch the file again.`)
  }
}

function validDivisors(divisors: readonly number[], count: number): boolean {
  return divisors.length === count && divisors.every((value) => value > 0 && Number.isFinite(value))
}
