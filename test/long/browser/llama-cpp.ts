// llama.cpp itself, on the CPU of the same browser (`@wllama/wllama`): greedy tokens with the likeliest candidates of each.

import { LoggerWithoutDebug, Wllama } from '@wllama/wllama/esm/index.js'
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url'

export interface ReferenceStep {
  readonly token: number
  /** Likeliest first; natural logarithms of probabilities. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[]
}

/** The part of the answer that its declarations leave out: token ids, as llama.cpp's server gives them. */
interface LogprobContent {
  readonly content: readonly {
    readonly id: number
    readonly top_logprobs: readonly { readonly id: number; readonly logprob: number }[]
  }[]
}

/**
 * Greedy answers to `prompts`, with `candidates` of the likeliest tokens at each step. The build fails on a candidate that is
 * no whole UTF-8 character, so ask for few.
 */
export async function runLlamaCpp(
  model: Blob,
  prompts: readonly string[],
  { steps, candidates }: { steps: number; candidates: number },
): Promise<ReferenceStep[][]> {
  const wllama = new Wllama({ default: wasmUrl }, { logger: LoggerWithoutDebug, suppressNativeLog: true })
  try {
    await wllama.loadModel([model], {
      n_gpu_layers: 0,
      n_ctx: 512,
      flash_attn: false,
      cache_type_k: 'f32',
      cache_type_v: 'f32',
      warmup: false,
    })
    const answers: ReferenceStep[][] = []
    for (const prompt of prompts) {
      const request = { prompt, max_tokens: steps, temperature: 0, logprobs: candidates, n_probs: candidates }
      const { choices } = await wllama.createCompletion(request)
      const { content } = choices[0]?.logprobs as unknown as LogprobContent
      answers.push(content.map(({ id, top_logprobs }) => ({ token: id, top: top_logprobs })))
    }
    return answers
  } finally {
    await wllama.exit()
  }
}
