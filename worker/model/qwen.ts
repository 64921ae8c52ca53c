// Qwen2/2.5 and Qwen3: Llama's block with biases on q, k and v (Qwen2), or with norms on the heads of q and k and a head
// size apart from the width (Qwen3). Qwen2.5 technical report (2024); Qwen3 technical report (2025).

import type { Family } from './block.ts'
import { loadLlamaBlock } from './llama.ts'

export const QWEN2: Family = { norm: 'rms', positions: 'rotary', loadBlock: loadLlamaBlock }

export const QWEN3: Family = {
  norm: 'rms',
  positions: 'rotary',
  loadBlock: (parts, layer) => loadLlamaBlock(parts, layer, { headNorms: true }),
}
