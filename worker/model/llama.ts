// The Llama block, and with it every block of its form: RMSNorm before grouped-query attention with rotary positions and
// before a gated SiLU network. Touvron et al., "LLaMA" (2023); Ainslie et al., "GQA" (2023).

import type { Dispatch } from '../gpu/dispatch.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import { inOrder, type Block, type BlockParts, type Family } from './block.ts'
import { loadLinear } from './linear-layer.ts'
import { loadNorm } from './norm.ts'
import type { StepMode } from './step-mode.ts'

export const LLAMA: Family = { norm: 'rms', positions: 'rotary', loadBlock: loadLlamaBlock }

/** What siblings of Llama add to its block. */
export interface LlamaVariant {
  /** Norms on every head of q and k, before rotation. */
  readonly headNorms?: boolean
}

/** Biases are used wherever the file has them (Qwen2's on q, k and v). */
export async function loadLlamaBlock(parts: BlockParts, layer: number, variant: LlamaVariant = {}): Promise<Block> {
  const { weights, config, kernels } = parts
  const at = `blk.${layer}`
  const attentionNorm = await loadNorm('rms', parts, `${at}.attn_norm`)
  const query = await loadLinear(parts, `${at}.attn_q`)
  const key = await loadLinear(parts, `${at}.attn_k`)
  const value = await loadLinear(parts, `${at}.attn_v`)
  const headNorms = variant.headNorms && {
    query: await weights.vector(`${at}.attn_q_norm.weight`),
    key: await weights.vector(`${at}.attn_k_norm.weight`),
  }
  const output = await loadLinear(parts, `${at}.attn_output`)
  const networkNorm = await loadNorm('rms', parts, `${at}.ffn_norm`)
  const network = await loadGatedNetwork(parts, at)

  async function planHeadNorms(mode: StepMode, { step, query, key }: Activations): Promise<Dispatch[]> {
    if (!headNorms) return []
    const { query: ofQuery, key: ofKey } = headNorms
    return inOrder([
      kernels.headNorm(mode, config.heads).then((norm) => norm.dispatch({ step, data: query, weight: ofQuery })),
      kernels.headNorm(mode, config.kvHeads).then((norm) => norm.dispatch({ step, data: key, weight: ofKey })),
    ])
  }

  return {
    planBefore(mode, buffers) {
      const { normed } = buffers
      return inOrder([
        attentionNorm.plan(mode, buffers, normed),
        query.plan(mode, buffers, normed, buffers.query),
        key.plan(mode, buffers, normed, buffers.key),
        value.plan(mode, buffers, normed, buffers.value),
        planHeadNorms(mode, buffers),
      ])
    },
    planAfter(mode, buffers) {
      const { hidden, normed, attended } = buffers
      return inOrder([
        output.plan(mode, buffers, attended, hidden, 'add'),
        networkNorm.plan(mode, buffers, normed),
        network.plan(mode, buffers, normed, hidden),
      ])
    },
  }
}

interface GatedNetwork {
  /** `output += down · (silu(gate · input) * (up · input))` */
  plan(mode: StepMode, activations: Activations, input: Tensor, output: Tensor): Promise<Dispatch[]>
}

async function loadGatedNetwork(parts: BlockParts, at: string): Promise<GatedNetwork> {
  const { kernels } = parts
  const gate = await loadLinear(parts, `${at}.ffn_gate`)
  const up = await loadLinear(parts, `${at}.ffn_up`)
  const down = await loadLinear(parts, `${at}.ffn_down`)

  async function planGate(mode: StepMode, buffers: Activations, input: Tensor): Promise<Dispatch[]> {
    const { step, inner, gated } = buffers
    if (mode.family === 'decode' && !gate.adapted() && !up.adapted()) {
      const fused = await kernels.gatedMatVec(mode, gate.matrix.dtype, up.matrix.dtype)
      return fused.dispatch({ step, gate: gate.matrix, up: up.matrix, input, output: inner })
    }
    return inOrder([
      gate.plan(mode, buffers, input, inner),
      up.plan(mode, buffers, input, gated),
      kernels.siluMultiply(mode).then((multiply) => multiply.dispatch({ step, gate: inner, up: gated })),
    ])
  }

  return {
    plan: (mode, buffers, input, output) =>
      inOrder([planGate(mode, buffers, input), down.plan(mode, buffers, buffers.inner, output, 'add')]),
  }
}
