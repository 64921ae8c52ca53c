// Entry of the worker in which ONNX Runtime Web runs, over WebGPU: any model of ours, as a graph made of its own weights.

import { expose } from 'comlink'
import { sampleToken } from '#core/sampling/sampler.ts'
import { createStreamDecoder } from '#core/tokenizer/decode.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import type { EngineWorker, OnText } from './engines/engine.ts'
import { openOnnxSession, type OnnxSession } from './engines/onnx-session.ts'
import { openTokenizer } from './node/model-text.ts'
import { createBlobSource } from './storage/origin-source.ts'

let loaded: { readonly session: OnnxSession; readonly tokenizer: Tokenizer; readonly positions: number } | null = null
let stopped = false

/** What of `tokens` the cache lacks: all of them, unless it holds their beginning. */
function restOf(session: OnnxSession, tokens: readonly number[]): readonly number[] {
  const held = session.tokens
  if (held.length < tokens.length && held.every((token, at) => token === tokens[at])) return tokens.slice(held.length)
  session.reset()
  return tokens
}

const worker: EngineWorker = {
  async load({ files, tokenizer, config, tensors }, positions, onProgress) {
    const sources = files.map((file) => createBlobSource(config.name, file))
    loaded = {
      session: await openOnnxSession({ config, tensors, sources }, positions, onProgress),
      tokenizer: await openTokenizer(tokenizer),
      positions,
    }
  },
  async answer({ prompt, maxTokens, ...sampling }, onText) {
    if (!loaded) throw new Error('no model was loaded')
    const { session, tokenizer, positions } = loaded
    stopped = false
    const tokens = tokenizer.encode(prompt)
    const promptTokens = tokens.length
    const room = Math.min(maxTokens, positions - promptTokens)
    const text = createStreamDecoder(tokenizer)
    let finish: 'end' | 'length' = 'length'
    let made = 0
    let told: ReturnType<OnText> = undefined
    while (made < room && !stopped) {
      const logits = await session.step(restOf(session, tokens))
      const token = sampleToken({ logits }, sampling, tokens, made)
      if (tokenizer.endTokens.has(token)) {
        finish = 'end'
        break
      }
      tokens.push(token)
      made++
      told = onText(text.push(token))
    }
    const rest = text.flush()
    if (rest !== '') told = onText(rest)
    // Its port is another than the result's.
    await told
    return { promptTokens, tokens: made, finish }
  },
  stop() {
    stopped = true
  },
}

expose(worker)
