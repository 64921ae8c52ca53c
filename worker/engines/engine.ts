// What the node asks of an engine that is not ours: it holds a whole model and answers by itself, without layers, genomes or bits
// that could be compared.

import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { SamplingOptions } from '#core/sampling/sampler.ts'

export interface EngineAnswerRequest extends SamplingOptions {
  /** As the model's chat template made it. */
  readonly prompt: string
  readonly maxTokens: number
  readonly signal: AbortSignal
}

export interface EngineAnswer {
  readonly promptTokens: number
  /** Tokens that were made. */
  readonly tokens: number
  readonly finish: 'end' | 'length'
}

export interface SoloEngine {
  /** `onText` gets what each step added. Rejects with `CANCELLED` once the signal is aborted. */
  answer(request: EngineAnswerRequest, onText: (text: string) => void): Promise<EngineAnswer>
  close(): Promise<void>
}

/** A model as it goes to an engine's worker. */
export interface EngineFiles extends Pick<OpenedModel, 'config' | 'tensors' | 'tokenizer'> {
  /** What the catalogue calls it. */
  readonly modelId: string
  /** Whole, one for each of its sources; none for an engine with weights of its own. */
  readonly files: readonly Blob[]
}

/** Across the port it resolves when it was called there. */
export type OnText = (text: string) => void | Promise<void>

/** What an engine's worker offers, across its port. */
export interface EngineWorker {
  /** `onProgress` gets the share that is done. */
  load(model: EngineFiles, contextLength: number, onProgress: (share: number) => void): Promise<void>
  /** One at a time; resolves with what there is when it is stopped, and once `onText` was called with all of it. */
  answer(request: Omit<EngineAnswerRequest, 'signal'>, onText: OnText): Promise<EngineAnswer>
  stop(): void
}

export interface EngineModel {
  readonly modelId: string
  readonly model: OpenedModel
  /** Positions that are kept. */
  readonly contextLength: number
  readonly signal: AbortSignal
  readonly onProgress: (share: number) => void
}

/** Throws `MODEL_UNSUPPORTED` where the engine cannot run the model. */
export type OpenEngine = (model: EngineModel) => Promise<SoloEngine>
