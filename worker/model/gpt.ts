// GPT-2: LayerNorm before attention and before a GELU network, biases everywhere, learned positions.
// Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).

import type { Block, BlockParts, Family } from './block.ts'
import { loadFusedLinear, loadLinear } from './linear-layer.ts'
import { loadNorm } from './norm.ts'

export const GPT2: Family = { norm: 'layer', positions: 'learned', loadBlock }

async function loadBlock(parts: BlockParts, layer: number): Promise<Block> {
  const { config, kernels } = parts
  const at = `blk.${layer}`
  const size = config.heads * config.headDim
  const attentionNorm = await loadNorm('layer', parts, `${at}.attn_norm`)
  const [query, key, value] = await loadFusedLinear(parts, `${at}.attn_qkv`, [size, size, size])
  const output = await loadLinear(parts, `${at}.attn_output`)
  const networkNorm = await loadNorm('layer', parts, `${at}.ffn_norm`)
  const up = await loadLinear(parts, `${at}.ffn_up`)
  const down = await loadLinear(parts, `${at}.ffn_down`)

  return {
    async plan(mode, buffers, cache) {
      const { step, hidden, normed, attended, inner } = buffers
      const caches = { keyCache: cache.keys, valueCache: cache.values }
      const rope = await kernels.rope(mode)
      const attention = await kernels.attention(mode)
      const gelu = await kernels.gelu(mode)
      return [
        await attentionNorm.plan(mode, buffers, normed),
        ...((await query?.plan(mode, buffers, normed, buffers.query)) ?? []),
        ...((await key?.plan(mode, buffers, normed, buffers.key)) ?? []),
        ...((await value?.plan(mode, buffers, normed, buffers.value)) ?? []),
        // Without a rope configuration this only writes the cache.
        rope.dispatch({ step, query: buffers.query, key: buffers.key, value: buffers.value, ...caches }),
        ...attention.dispatch({ step, query: buffers.query, output: attended, ...caches }),
        ...(await output.plan(mode, buffers, attended, hidden, 'add')),
        await networkNorm.plan(mode, buffers, normed),
        ...(await up.plan(mode, buffers, normed, inner)),
        gelu.dispatch({ step, data: inner }),
        ...(await down.plan(mode, buffers, inner, hidden, 'add')),
      ]
    },
  }
}
