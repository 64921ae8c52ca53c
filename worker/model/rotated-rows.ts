// Llama's q and k in a GGUF file have their rows in pairs (0,1),(2,3)… of a head where Hugging Face has (0,d/2),(1,d/2+1)…;
// an adapter's B follows the rows of its base.

import type { ModelConfig } from '#core/formats/model-config.ts'

/** B, `[outputs, rank]`, from Hugging Face's row order to that of the model's file, or `back`. */
export function rotatedRows(
  config: ModelConfig,
  module: string,
  b: Float32Array,
  rank: number,
  direction?: 'back',
): Float32Array {
  const rotated = module.endsWith('.attn_q') || module.endsWith('.attn_k')
  if (config.rope?.layout !== 'interleaved' || !rotated) return b
  const { headDim } = config
  const half = headDim / 2
  const turned = new Float32Array(b.length)
  for (let row = 0; row < b.length / rank; row++) {
    const within = row % headDim
    const paired = row - within + 2 * (within % half) + Math.floor(within / half)
    const [from, to] = direction === 'back' ? [paired, row] : [row, paired]
    turned.set(b.subarray(from * rank, (from + 1) * rank), to * rank)
  }
  return turned
}
