// The shader text of a weight matrix's element type, joined by concatenation: its snippet and what follows from it.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { ShaderLibrary } from '../shader-library.ts'

const SNIPPETS: Readonly<Record<DType, string>> = {
  F32: 'quant/f32',
  F16: 'quant/f16',
  BF16: 'quant/bf16',
  Q8_0: 'quant/q8-0',
  Q4_0: 'quant/q4-0',
  Q4_1: 'quant/q4-1',
  Q5_0: 'quant/q5-0',
  Q5_1: 'quant/q5-1',
  Q4_K: 'quant/q4-k',
  Q5_K: 'quant/q5-k',
  Q6_K: 'quant/q6-k',
}

/**
 * Snippet and lib/weight for `dtype`. A kernel of two matrices asks twice, with a prefix in place of `weight` and the
 * number of the first of its two bindings.
 */
export async function weightText(
  shaders: ShaderLibrary,
  dtype: DType,
  prefix = 'weight',
  firstBinding = 0,
): Promise<{ text: string }> {
  const text = `${await shaders(SNIPPETS[dtype])}\n${await shaders('lib/weight')}`
  return {
    text: text
      .replaceAll(/\bweight_/g, `${prefix}_`)
      .replaceAll(/@binding\((\d)\)/g, (_, binding) => `@binding(${Number(binding) + firstBinding})`),
  }
}
