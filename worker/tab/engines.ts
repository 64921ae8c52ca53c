// Engines other than ours, each in a worker of its own: they bring code that the node's own policy forbids, and a worker that is
// ended gives back all its memory.

import { proxy, wrap } from 'comlink'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import type { EngineModel, EngineWorker, OpenEngine, SoloEngine } from '../engines/engine.ts'

const READ_BYTES = 8 * 1024 * 1024

interface Kind {
  readonly title: string
  readonly start: () => Worker
  /** Ends the sentence that says it could not. */
  readonly remedy: string
  /** It fetches weights of its own. */
  readonly ownWeights?: true
}

export const openWllama = opener({
  title: 'llama.cpp',
  start: () => new Worker(new URL('../engine-wllama.ts', import.meta.url), { type: 'module', name: 'centram-wllama' }),
  remedy: 'take a smaller model, or one that another node answers with.',
})

export const openOnnx = opener({
  title: 'ONNX Runtime',
  start: () => new Worker(new URL('../engine-onnx.ts', import.meta.url), { type: 'module', name: 'centram-onnx' }),
  remedy: 'take a smaller model, or another engine.',
})

export const openWebllm = opener({
  title: 'WebLLM',
  start: () => new Worker(new URL('../engine-webllm.ts', import.meta.url), { type: 'module', name: 'centram-webllm' }),
  remedy:
    'it fetches its own weights from huggingface.co and its own compiled model from raw.githubusercontent.com. See whether this device reaches both, or take another engine.',
  ownWeights: true,
})

/** Its result throws `MODEL_UNSUPPORTED` for what the engine cannot load. */
function opener({ title, start, remedy, ownWeights }: Kind): OpenEngine {
  return async ({ modelId, model, contextLength, signal, onProgress }: EngineModel): Promise<SoloEngine> => {
    const { config, tensors, tokenizer, sources } = model
    const files: Blob[] = []
    for (const source of ownWeights ? [] : sources) files.push(await readWhole(source, signal))
    const worker = start()
    const remote = wrap<EngineWorker>(worker)
    const broken = new Promise<never>((_, reject) => {
      worker.addEventListener('error', ({ message }) => reject(new Error(message || 'its worker could not be started')))
      signal.addEventListener('abort', () => reject(new CentramError('CANCELLED', 'Loading was cancelled.')))
    })
    broken.catch(() => undefined)
    try {
      const loading = remote.load({ modelId, config, tensors, tokenizer, files }, contextLength, proxy(onProgress))
      await Promise.race([loading, broken])
    } catch (error) {
      worker.terminate()
      throw new CentramError(
        'MODEL_UNSUPPORTED',
        `${title} cannot run ${config.name} here (${errorMessage(error)}): ${remedy}`,
        { cause: error },
      )
    }
    return {
      async answer({ signal: stopped, ...request }, onText) {
        const stop = () => void remote.stop()
        stopped.addEventListener('abort', stop)
        try {
          const answer = await Promise.race([remote.answer(request, proxy(onText)), broken])
          if (stopped.aborted) throw new CentramError('CANCELLED', 'The answer was stopped.')
          return answer
        } finally {
          stopped.removeEventListener('abort', stop)
        }
      },
      async close() {
        worker.terminate()
      },
    }
  }
}

/** As a file in memory, which the engine maps. */
async function readWhole(source: ByteSource, signal: AbortSignal): Promise<Blob> {
  const parts: Blob[] = []
  for (let offset = 0; offset < source.size; offset += READ_BYTES) {
    signal.throwIfAborted()
    parts.push(new Blob([await source.read(offset, Math.min(READ_BYTES, source.size - offset), signal)]))
  }
  return new Blob(parts)
}
