// PEFT's names for adapted modules, per family. GPT-2's linears are Conv1D there (`fan_in_fan_out`), whose A and B are
// still `[rank, in]` and `[out, rank]`.

import type { ModelFamily } from '#core/formats/model-config.ts'
import { parseModuleName, targetsOf, type LoraTarget } from '#core/genome/lora-config.ts'

/** The module's path inside a block. */
const PATHS: Readonly<Record<'gpt2' | 'llama', Readonly<Partial<Record<LoraTarget, string>>>>> = {
  gpt2: {
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  llama: {
    attn_q: 'self_attn.q_proj',
    attn_k: 'self_attn.k_proj',
    attn_v: 'self_attn.v_proj',
    attn_output: 'self_attn.o_proj',
    ffn_gate: 'mlp.gate_proj',
    ffn_up: 'mlp.up_proj',
    ffn_down: 'mlp.down_proj',
  },
}

export const isConv1d = (family: ModelFamily): boolean => family === 'gpt2'

/** `self_attn.q_proj`: the end of a module's name, which is what PEFT's `target_modules` compares with. */
export function peftTarget(family: ModelFamily, target: LoraTarget): string {
  return PATHS[isConv1d(family) ? 'gpt2' : 'llama'][target] ?? target
}

/** `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` */
export function peftTensorName(family: ModelFamily, module: string, part: 'A' | 'B'): string {
  const { layer, target } = parseModuleName(family, module)
  const blocks = isConv1d(family) ? 'transformer.h' : 'model.layers'
  return `base_model.model.${blocks}.${layer}.${peftTarget(family, target)}.lora_${part}.weight`
}

const TENSOR =
  /^base_model\.model\.(?:(?:transformer|model)\.)?(?:h|layers)\.(0|[1-9][0-9]{0,3})\.(.+)\.lora_([AB])\.weight$/

/** Module and part of a PEFT tensor, or undefined for one that is no LoRA matrix of a linear of this family. */
export function readPeftTensorName(
  family: ModelFamily,
  name: string,
): { readonly module: string; readonly target: LoraTarget; readonly part: 'A' | 'B' } | undefined {
  const [, layer, path, part] = TENSOR.exec(name) ?? []
  const target = targetsOf(family).find((known) => peftTarget(family, known) === path)
  if (layer === undefined || target === undefined || (part !== 'A' && part !== 'B')) return undefined
  return { module: `blk.${layer}.${target}`, target, part }
}
