// What the linears of a block are called.

import type { LoraTarget } from '#core/genome/lora-config.ts'

export const TARGET_WORDS: Readonly<Record<LoraTarget, string>> = {
  attn_qkv: 'queries, keys and values',
  attn_q: 'queries',
  attn_k: 'keys',
  attn_v: 'values',
  attn_output: 'attention output',
  ffn_gate: 'gate',
  ffn_up: 'up',
  ffn_down: 'down',
}
