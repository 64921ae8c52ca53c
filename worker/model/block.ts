// What a model family supplies, and all that the rest of this folder knows of it: how one of its blocks loads, and which
// dispatches it runs. Whole models and shards are lists of blocks.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { Dispatch } from '../gpu/dispatch.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { AdapterSet } from './adapter-set.ts'
import type { KernelSet } from './kernel-set.ts'
import type { StepMode } from './step-mode.ts'
import type { Weights } from './weights.ts'

export interface Family {
  /** `layer`: LayerNorm with bias; `rms`: RMSNorm. */
  readonly norm: 'layer' | 'rms'
  /** `learned`: a second embedding by position; `rotary`: inside attention. */
  readonly positions: 'learned' | 'rotary'
  loadBlock(parts: BlockParts, layer: number): Promise<Block>
}

export interface BlockParts {
  readonly config: ModelConfig
  readonly weights: Weights
  readonly kernels: KernelSet
  /** Asked anew for every list of dispatches: adapters come and go. */
  readonly adapters: AdapterSet
}

/** What takes `activations.hidden` through a layer, for steps of up to `mode.columns`, whosever columns they are. */
export interface Block {
  /** Leaves `query`, `key` and `value`; attention comes next, session by session. */
  planBefore(mode: StepMode, activations: Activations): Promise<Dispatch[]>
  /** Goes on from `attended`. */
  planAfter(mode: StepMode, activations: Activations): Promise<Dispatch[]>
}

/** One layer's part of a session. */
export interface LayerCache {
  /** `[contextLength, kvHeads, headDim]` each. */
  readonly keys: Tensor
  readonly values: Tensor
  /** cos and sin by position; absent without rotary positions. */
  readonly ropeTable?: Tensor
}

/** The dispatches of `steps` one after another; the kernels they need are compiled side by side. */
export async function inOrder(steps: readonly Promise<Dispatch | Dispatch[]>[]): Promise<Dispatch[]> {
  return (await Promise.all(steps)).flat()
}
