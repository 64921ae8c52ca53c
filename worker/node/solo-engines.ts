// The one model that an engine other than ours holds, picked by a person: loading it, asking it, and letting it go. Its answers are
// this device's alone: no layers are shared and no transcript is signed.

import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'
import type { SoloEngine } from '../engines/engine.ts'
import { WEBLLM_MODELS } from '../engines/webllm-models.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './api.ts'
import type { EngineName, EngineState } from './engine-api.ts'
import type { ModelLibrary } from './model-library.ts'
import { openTokenizer, promptOf } from './model-text.ts'
import type { Surroundings } from './surroundings.ts'

export interface SoloEngines {
  /** Those that can run the model. Reads its headers. */
  fitting(modelId: string): Promise<readonly EngineName[]>
  load(modelId: string, engine: EngineName): Promise<void>
  /** Stops a load in progress, or lets the loaded model go; nothing for another model. */
  unload(modelId: string): Promise<void>
  holds(modelId: string): boolean
  generate(request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<GenerateResult>
  /** Whether an answer of that id was running or waiting here. */
  stop(requestId: string): boolean
  close(): void
}

/** Positions that are kept, where the model allows as many. */
const CONTEXT = 2048

/** f32 weights that ONNX Runtime is given: they must pass through the 4 GiB of its WebAssembly. */
const MOST_WEIGHTS = 400_000_000

interface Asked {
  readonly modelId: string
  readonly model: OpenedModel
  readonly hasGpu: boolean
}

interface Rule {
  fits(asked: Asked): boolean
  /** Says it, and what to do. */
  readonly needs: string
  /** Its weights are not the model's file. */
  readonly ownWeights?: true
}

const RULES: Readonly<Record<EngineName, Rule>> = {
  wllama: {
    fits: ({ model }) => model.format === 'gguf' && model.sources.length === 1,
    needs: 'llama.cpp runs models in one GGUF file: choose such a one from the list.',
  },
  onnx: {
    // Its attention takes heads of such sizes alone.
    fits: ({ model: { config, tensors }, hasGpu }) =>
      hasGpu && config.headDim % 16 === 0 && countWeights(tensors.values()) <= MOST_WEIGHTS,
    needs: `ONNX Runtime needs a GPU, and a model of at most ${MOST_WEIGHTS / 1e6} million weights: choose a smaller one.`,
  },
  webllm: {
    fits: ({ modelId, hasGpu }) => hasGpu && modelId in WEBLLM_MODELS,
    needs: 'WebLLM needs a GPU, and a model that was compiled for it: choose one of the catalogue.',
    ownWeights: true,
  },
}

const countWeights = (tensors: Iterable<TensorEntry>) =>
  [...tensors].reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0)

interface Held {
  readonly modelId: string
  readonly engine: EngineName
  readonly opened: Promise<SoloEngine>
  readonly abort: AbortController
}

export function createSoloEngines(
  { engines, clock }: Pick<Surroundings, 'engines' | 'clock'>,
  library: ModelLibrary,
  hasGpu: () => boolean,
  onChange: (state: EngineState | null) => void,
): SoloEngines {
  let held: Held | null = null
  /** One answer at a time, in the order of asking. */
  let turn: Promise<unknown> = Promise.resolve()
  const answers = new Map<string, AbortController>()

  async function open(modelId: string, engine: EngineName, signal: AbortSignal): Promise<SoloEngine> {
    const openEngine = engines?.[engine]
    if (!openEngine) throw new CentramError('NOT_OFFERED', `This node has no engine called ${engine}.`)
    const model = await library.open(modelId, signal)
    const { fits, needs, ownWeights } = RULES[engine]
    if (!fits({ modelId, model, hasGpu: hasGpu() })) throw new CentramError('MODEL_UNSUPPORTED', needs)
    const tell = (status: 'fetching' | 'loading') => (progress: number) => {
      if (!signal.aborted) library.setStatus(modelId, { status, progress })
    }
    if (!ownWeights) {
      const range = { first: 0, last: model.config.layers }
      await library.fetch(modelId, range, { signal, onProgress: tell('fetching') })
    }
    const onProgress = tell(ownWeights ? 'fetching' : 'loading')
    onProgress(0)
    const contextLength = Math.min(CONTEXT, model.config.contextLength)
    return openEngine({ modelId, model, contextLength, signal, onProgress })
  }

  async function drop(): Promise<void> {
    const before = held
    if (!before) return
    held = null
    before.abort.abort()
    for (const abort of answers.values()) abort.abort()
    onChange(null)
    library.setStatus(before.modelId, { status: 'listed', progress: 0 })
    await before.opened.then((engine) => engine.close()).catch(() => undefined)
  }

  async function run(
    { prompt, maxTokens, sampling = {}, modelId, continueFrom }: GenerateRequest,
    signal: AbortSignal,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<GenerateResult> {
    if (held?.modelId !== modelId) throw new CentramError('CANCELLED', 'The model was unloaded.')
    const engine = await held.opened
    const model = await library.open(modelId)
    const tokenizer = await openTokenizer(model.tokenizer)
    const asked = 'text' in prompt ? prompt.text : await promptOf(model, prompt.messages)
    const began = clock.now()
    let first = 0
    let last = began
    let answer = continueFrom?.text ?? ''
    const text = asked + answer
    const state = { finish: 'cancelled' as GenerateResult['finish'], promptTokens: 0, tokens: 0 }
    try {
      Object.assign(
        state,
        await engine.answer({ prompt: text, maxTokens, ...sampling, signal }, (added) => {
          const now = clock.now()
          first ||= now
          answer += added
          state.tokens++
          // It tells no token ids.
          onEvent({
            type: 'token',
            token: -1,
            text: added,
            timing: { totalMs: now - last, computeMs: [now - last], networkMs: 0 },
          })
          last = now
        }),
      )
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const msPerToken = state.tokens > 1 ? (last - first) / (state.tokens - 1) : 0
    return {
      text: answer,
      // The engine tells none: these are what its text is made of, so that ours can go on with it.
      tokens: tokenizer.encode(answer),
      promptTokens: state.promptTokens || tokenizer.encode(text).length,
      finish: state.finish,
      prefillMs: first === 0 ? 0 : first - began,
      msPerToken,
      computeMs: [msPerToken],
      networkMs: 0,
      bytesSent: 0,
      stages: [],
      logitsDigests: [],
    }
  }

  return {
    async fitting(modelId) {
      const model = await library.open(modelId)
      return (Object.keys(engines ?? {}) as EngineName[]).filter((engine) =>
        RULES[engine].fits({ modelId, model, hasGpu: hasGpu() }),
      )
    },
    holds: (modelId) => held?.modelId === modelId,
    async load(modelId, engine) {
      await drop()
      const abort = new AbortController()
      const opened = open(modelId, engine, abort.signal)
      const mine: Held = { modelId, engine, opened, abort }
      held = mine
      library.setStatus(modelId, { status: 'fetching', progress: 0, error: null })
      try {
        await opened
        if (held === mine) {
          library.setStatus(modelId, { status: 'ready', progress: 1, error: null })
          onChange({ engine, modelId })
        }
      } catch (error) {
        if (held === mine) held = null
        if (abort.signal.aborted) throw new CentramError('CANCELLED', 'Loading was cancelled; what was fetched stays.')
        library.setStatus(modelId, {
          status: 'failed',
          progress: 0,
          error: { code: errorCode(error), message: errorMessage(error) },
        })
        throw error
      }
    },
    async unload(modelId) {
      if (held?.modelId === modelId) await drop()
    },
    async generate(request, onEvent) {
      if (answers.has(request.requestId)) {
        throw new CentramError('BAD_ARGUMENT', 'There is an answer of that id already.')
      }
      const abort = new AbortController()
      answers.set(request.requestId, abort)
      const mine = turn.then(() => run(request, abort.signal, onEvent))
      turn = mine.catch(() => undefined)
      try {
        return await mine
      } finally {
        answers.delete(request.requestId)
      }
    },
    stop(requestId) {
      const abort = answers.get(requestId)
      abort?.abort()
      return abort !== undefined
    },
    close: () => void drop(),
  }
}
