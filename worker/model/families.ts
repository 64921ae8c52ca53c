// Every model family the engine runs. Adding one means a file with its `Family`, a row here, and its reading in
// core/formats: see docs/add-a-model.md.

import type { ModelFamily } from '#core/formats/model-config.ts'
import type { Family } from './block.ts'
import { GPT2 } from './gpt.ts'
import { LLAMA } from './llama.ts'
import { QWEN2, QWEN3 } from './qwen.ts'

export const FAMILIES: Readonly<Record<ModelFamily, Family>> = { gpt2: GPT2, llama: LLAMA, qwen2: QWEN2, qwen3: QWEN3 }
