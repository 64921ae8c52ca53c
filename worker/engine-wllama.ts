// Entry of the worker in which llama.cpp runs, in WebAssembly (`@wllama/wllama`): a GGUF file on the processor, so that a tab
// without a GPU answers by itself.

import { LoggerWithoutDebug, Wllama } from '@wllama/wllama/esm/index.js'
import wasmUrl from '@wllama/wllama/esm/wasm/wllama.wasm?url'
import { expose } from 'comlink'
import type { EngineWorker, OnText } from './engines/engine.ts'

const wllama = new Wllama(
  { default: new URL(wasmUrl, location.href).href },
  { logger: LoggerWithoutDebug, suppressNativeLog: true },
)
let running: AbortController | null = null

const worker: EngineWorker = {
  async load({ files }, contextLength) {
    await wllama.loadModel([...files], { n_gpu_layers: 0, n_ctx: contextLength, warmup: false })
  },
  async answer({ prompt, maxTokens, temperature = 0, topK, topP, minP, repetitionPenalty, seed }, onText) {
    const abort = new AbortController()
    running = abort
    const counted = { promptTokens: 0, tokens: 0, finish: 'length' as 'end' | 'length' }
    let told: ReturnType<OnText> = undefined
    try {
      const chunks = await wllama.createCompletion({
        prompt,
        max_tokens: maxTokens,
        stream: true,
        abortSignal: abort.signal,
        temperature,
        ...(topK !== undefined && { top_k: topK }),
        ...(topP !== undefined && { top_p: topP }),
        ...(minP !== undefined && { min_p: minP }),
        ...(repetitionPenalty !== undefined && { repeat_penalty: repetitionPenalty }),
        ...(seed !== undefined && { seed }),
      })
      for await (const { choices, usage } of chunks) {
        const [choice] = choices
        if (choice?.text) {
          counted.tokens++
          told = onText(choice.text)
        }
        if (choice?.finish_reason === 'stop') counted.finish = 'end'
        if (usage) {
          counted.promptTokens = usage.prompt_tokens
          counted.tokens = usage.completion_tokens
        }
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error
    } finally {
      running = null
    }
    // Its port is another than the result's.
    await told
    return counted
  },
  stop() {
    running?.abort()
  },
}

expose(worker)
