// GPT-2: LayerNorm before attention and before a GELU network, biases everywhere, learned positions.
// Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).

import { inOrder, type Block, type BlockParts, type Family } from './block.ts'
import { loadFusedLinear, loadLinear } from './linear-layer.ts'
import { loadNorm } from './norm.ts'

export const GPT2: Family = { norm: 'layer', positions: 'learned', loadBlock }

async function loadBlock(parts: BlockParts, layer: number): Promise<Block> {
  const { config, kernels } = parts
  const at = `blk.${layer}`
  const size = config.heads * config.headDim
  const attentionNorm = await loadNorm('layer', parts, `${at}.attn_norm`)
  const { query, key, value } = await loadFusedLinear(parts, `${at}.attn_qkv`, { query: size, key: size, value: size })
  const output = await loadLinear(parts, `${at}.attn_output`)
  const networkNorm = await loadNorm('layer', parts, `${at}.ffn_norm`)
  const up = await loadLinear(parts, `${at}.ffn_up`)
  const down = await loadLinear(parts, `${at}.ffn_down`)

  return {
    planBefore(mode, buffers) {
      const { normed } = buffers
      return inOrder([
        attentionNorm.plan(mode, buffers, normed),
        query.plan(mode, buffers, normed, buffers.query),
        key.plan(mode, buffers, normed, buffers.key),
        value.plan(mode, buffers, normed, buffers.value),
      ])
    },
    planAfter(mode, buffers) {
      const { step, hidden, normed, attended, inner } = buffers
      return inOrder([
        output.plan(mode, buffers, attended, hidden, 'add'),
        networkNorm.plan(mode, buffers, normed),
        up.plan(mode, buffers, normed, inner),
        kernels.gelu(mode).then((gelu) => gelu.dispatch({ step, data: inner })),
        down.plan(mode, buffers, inner, hidden, 'add'),
      ])
    },
  }
}
