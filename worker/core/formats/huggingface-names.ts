// Hugging Face tensor names as canonical ones, per family, and the buffers in such files that are no weights.

import type { ModelFamily } from '#core/formats/model-config.ts'

export interface CanonicalName {
  readonly name: string
  /** Stored as `[in, out]` (GPT-2's Conv1D). */
  readonly transposed?: true
}

const GPT2: Readonly<Record<string, CanonicalName>> = {
  'wte.weight': { name: 'token_embd.weight' },
  'wpe.weight': { name: 'position_embd.weight' },
  'ln_f.weight': { name: 'output_norm.weight' },
  'ln_f.bias': { name: 'output_norm.bias' },
  'lm_head.weight': { name: 'output.weight' },
}

const GPT2_BLOCK: Readonly<Record<string, CanonicalName>> = {
  'ln_1.weight': { name: 'attn_norm.weight' },
  'ln_1.bias': { name: 'attn_norm.bias' },
  'attn.c_attn.weight': { name: 'attn_qkv.weight', transposed: true },
  'attn.c_attn.bias': { name: 'attn_qkv.bias' },
  'attn.c_proj.weight': { name: 'attn_output.weight', transposed: true },
  'attn.c_proj.bias': { name: 'attn_output.bias' },
  'ln_2.weight': { name: 'ffn_norm.weight' },
  'ln_2.bias': { name: 'ffn_norm.bias' },
  'mlp.c_fc.weight': { name: 'ffn_up.weight', transposed: true },
  'mlp.c_fc.bias': { name: 'ffn_up.bias' },
  'mlp.c_proj.weight': { name: 'ffn_down.weight', transposed: true },
  'mlp.c_proj.bias': { name: 'ffn_down.bias' },
}

const LLAMA: Readonly<Record<string, CanonicalName>> = {
  'embed_tokens.weight': { name: 'token_embd.weight' },
  'norm.weight': { name: 'output_norm.weight' },
  'lm_head.weight': { name: 'output.weight' },
}

const LLAMA_BLOCK: Readonly<Record<string, CanonicalName>> = {
  'input_layernorm.weight': { name: 'attn_norm.weight' },
  'self_attn.q_proj.weight': { name: 'attn_q.weight' },
  'self_attn.k_proj.weight': { name: 'attn_k.weight' },
  'self_attn.v_proj.weight': { name: 'attn_v.weight' },
  'self_attn.o_proj.weight': { name: 'attn_output.weight' },
  'self_attn.q_proj.bias': { name: 'attn_q.bias' },
  'self_attn.k_proj.bias': { name: 'attn_k.bias' },
  'self_attn.v_proj.bias': { name: 'attn_v.bias' },
  'self_attn.q_norm.weight': { name: 'attn_q_norm.weight' },
  'self_attn.k_norm.weight': { name: 'attn_k_norm.weight' },
  'post_attention_layernorm.weight': { name: 'ffn_norm.weight' },
  'mlp.gate_proj.weight': { name: 'ffn_gate.weight' },
  'mlp.up_proj.weight': { name: 'ffn_up.weight' },
  'mlp.down_proj.weight': { name: 'ffn_down.weight' },
}

/** Masks and tables that old exports carry along; they follow from the configuration. */
const BUFFER = /(^|\.)(attn\.bias|attn\.masked_bias|rotary_emb\.inv_freq)$/
const BLOCK = /^(?:layers|h)\.(0|[1-9][0-9]{0,3})\.(.+)$/

/** `undefined` for what is no weight. An unknown name is handed back as it is, for the caller to refuse. */
export function canonicalName(family: ModelFamily, name: string): CanonicalName | undefined {
  if (BUFFER.test(name)) return undefined
  const [whole, blocks, prefix] =
    family === 'gpt2' ? [GPT2, GPT2_BLOCK, 'transformer.'] : [LLAMA, LLAMA_BLOCK, 'model.']
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name
  const block = BLOCK.exec(bare)
  if (block === null) return lookUp(whole, bare) ?? { name }
  const [, layer = '', rest = ''] = block
  const inBlock = lookUp(blocks, rest)
  return inBlock === undefined ? { name } : { ...inBlock, name: `blk.${layer}.${inBlock.name}` }
}

function lookUp(table: Readonly<Record<string, CanonicalName>>, key: string): CanonicalName | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
