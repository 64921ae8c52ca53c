// What a loaded stretch of a model can do. A whole model is the shard of all its layers.

import type { Adapter } from '#core/genome/adapter.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'

/**
 * The kernel family a step runs in. `decode` takes one to eight columns and computes each as if it were alone;
 * `prefill` takes up to `PREFILL_CHUNK` columns with another reduction order. A replay must use the same family
 * and the same chunks.
 */
export type StepFamily = 'prefill' | 'decode'

/** Columns of one prefill step, at most. Fixed, so that every node cuts a prompt at the same places. */
export const PREFILL_CHUNK = 128
/** Columns of one decode step, at most. */
export const DECODE_COLUMNS = 8

/** What the shard with the head hands back for a column. */
export type OutputKind =
  /** The arg-max, found on the GPU: 8 bytes come back. */
  | 'token'
  /** The `TOP_CANDIDATES` largest logits with their ids, largest first, ties by lower id. */
  | 'top'
  /** Every logit. */
  | 'logits'
  /** What the logits would be made of: the hidden state of every column after the last norm. Of prefill steps only. */
  | 'states'

export const TOP_CANDIDATES = 256

export type StepInput =
  | { readonly tokens: Uint32Array }
  /** `[columns, width]`, row-major f32. */
  | { readonly hidden: Float32Array }

/** Which columns have a result: the last alone, or (in decode) each of them. */
export type ResultColumns = 'last' | 'each'

export type ColumnOutput =
  | { readonly kind: 'token'; readonly token: number }
  | { readonly kind: 'top'; readonly ids: Uint32Array<ArrayBuffer>; readonly logits: Float32Array<ArrayBuffer> }
  | { readonly kind: 'logits'; readonly logits: Float32Array<ArrayBuffer> }

export type StepOutput =
  | { readonly kind: 'hidden'; readonly hidden: Float32Array<ArrayBuffer> }
  /** `[columns, width]` */
  | { readonly kind: 'states'; readonly columns: number; readonly states: Float32Array<ArrayBuffer> }
  | ColumnOutput
  /** Of each column, in order: what was asked for as `each`. */
  | { readonly kind: 'columns'; readonly columns: readonly ColumnOutput[] }

/** One session's columns in a decode step that several share. */
export interface SessionStep {
  readonly session: ShardSession
  readonly input: StepInput
  readonly output: OutputKind | 'none'
  readonly results?: ResultColumns
}

export interface ActiveAdapter {
  readonly adapter: Adapter
  /** Multiplies what it adds; 1 is the adapter as trained. */
  readonly weight?: number
}

export interface Shard {
  readonly config: ModelConfig
  readonly range: LayerRange
  /** Whether it holds the embedding (first layer is its own) and the final norm and head (last layer is its own). */
  readonly hasEmbedding: boolean
  readonly hasHead: boolean
  /** Bytes on the GPU: weights, and what one session of `contextLength` positions adds. */
  readonly weightBytes: number
  sessionBytes(contextLength: number): number
  /** Bytes on the GPU of the active adapters. */
  adapterBytes(): number
  /**
   * Runs with these adapters from the next step on, with none as the base model, bit for bit. Positions in a KV cache stay
   * as they were computed: trim a session to 0 to compute them anew. Await it before the next step. Throws
   * `MODEL_MISMATCH`, `GPU_OUT_OF_MEMORY`; the adapters before then stay.
   */
  setAdapters(adapters: readonly ActiveAdapter[]): Promise<void>
  /** Opens a KV cache for `contextLength` positions. Throws `GPU_OUT_OF_MEMORY`. */
  openSession(contextLength: number): Promise<ShardSession>
  /**
   * One decode step of several of its sessions, at most `DECODE_COLUMNS` columns together: each gets the bits that it would
   * get alone. One promise a step, in order; a step that cannot run rejects alone, as `ShardSession.step` does.
   */
  stepTogether(steps: readonly SessionStep[]): readonly Promise<StepOutput | undefined>[]
  dispose(): void
}

export interface ShardSession {
  readonly contextLength: number
  /** Positions now in the KV cache. */
  readonly length: number
  /**
   * Runs one step on the positions from `length` on. `output` is asked for on the shard with the head only; `none`
   * skips the head (all prefill chunks but the last). `results` defaults to the last column's alone. Steps are queued: they
   * run in the order they were called. Throws `CONTEXT_FULL`, `GPU_LOST`, `BAD_ARGUMENT`.
   */
  step(
    input: StepInput,
    family: StepFamily,
    output: OutputKind | 'none',
    results?: ResultColumns,
  ): Promise<StepOutput | undefined>
  /** Forgets every position from `length` on. */
  trim(length: number): void
  dispose(): void
}
