// Models of the catalogue as WebLLM has them: compiled for it, with weights of its own in f16 or f32 arithmetic.

export interface WebllmNames {
  /** For GPUs with `shader-f16`. */
  readonly f16: string
  readonly f32: string
}

/** By the id of the catalogue. */
export const WEBLLM_MODELS: Readonly<Record<string, WebllmNames>> = {
  'smollm2-135m': { f16: 'SmolLM2-135M-Instruct-q0f16-MLC', f32: 'SmolLM2-135M-Instruct-q0f32-MLC' },
  'smollm2-360m': { f16: 'SmolLM2-360M-Instruct-q4f16_1-MLC', f32: 'SmolLM2-360M-Instruct-q4f32_1-MLC' },
  'qwen2.5-0.5b': { f16: 'Qwen2.5-0.5B-Instruct-q4f16_1-MLC', f32: 'Qwen2.5-0.5B-Instruct-q4f32_1-MLC' },
  'qwen2.5-1.5b': { f16: 'Qwen2.5-1.5B-Instruct-q4f16_1-MLC', f32: 'Qwen2.5-1.5B-Instruct-q4f32_1-MLC' },
  'qwen2.5-3b': { f16: 'Qwen2.5-3B-Instruct-q4f16_1-MLC', f32: 'Qwen2.5-3B-Instruct-q4f32_1-MLC' },
}
