// Entry of the worker in which WebLLM runs, over WebGPU. It fetches weights and a compiled model of its own, from where its authors
// publish them.

import { MLCEngine } from '@mlc-ai/web-llm'
import { expose } from 'comlink'
import type { EngineWorker, OnText } from './engines/engine.ts'
import { WEBLLM_MODELS } from './engines/webllm-models.ts'

const engine = new MLCEngine({ logLevel: 'SILENT' })
let running = false

const worker: EngineWorker = {
  async load({ modelId }, contextLength, onProgress) {
    const names = WEBLLM_MODELS[modelId]
    if (!names) throw new Error('it has no such model')
    const adapter = await navigator.gpu.requestAdapter()
    engine.setInitProgressCallback(({ progress }) => onProgress(progress))
    await engine.reload(names[adapter?.features.has('shader-f16') === true ? 'f16' : 'f32'], {
      context_window_size: contextLength,
    })
  },
  async answer({ prompt, maxTokens, temperature = 0, topP, repetitionPenalty, seed }, onText) {
    running = true
    const counted = { promptTokens: 0, tokens: 0, finish: 'length' as 'end' | 'length' }
    let told: ReturnType<OnText> = undefined
    try {
      const chunks = await engine.completions.create({
        prompt,
        max_tokens: maxTokens,
        stream: true,
        stream_options: { include_usage: true },
        temperature,
        ...(topP !== undefined && { top_p: topP }),
        ...(repetitionPenalty !== undefined && { repetition_penalty: repetitionPenalty }),
        ...(seed !== undefined && { seed }),
      })
      for await (const { choices, usage } of chunks) {
        const [choice] = choices
        if (choice?.text) told = onText(choice.text)
        if (choice?.finish_reason === 'stop') counted.finish = 'end'
        if (usage) {
          counted.promptTokens = usage.prompt_tokens
          counted.tokens = usage.completion_tokens
        }
      }
    } finally {
      running = false
    }
    // Its port is another than the result's.
    await told
    return counted
  },
  stop() {
    if (running) void engine.interruptGenerate()
  },
}

expose(worker)
