// What every part of a training graph is built from.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { BatchBuffers } from '../gpu/batch-buffers.ts'
import type { GpuContext } from '../gpu/context.ts'
import type { Dispatch } from '../gpu/dispatch.ts'
import type { DrawBuffer } from '../gpu/kernels/dropout.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { LoraSource } from './lora-source.ts'
import type { TrainingWeights } from './training-weights.ts'
import type { WorkingBuffers } from './working-buffers.ts'

export interface TrainingScope {
  readonly gpu: GpuContext
  readonly profile: KernelProfile
  readonly config: ModelConfig
  readonly weights: TrainingWeights
  /** Absent in full-parameter training. */
  readonly lora?: LoraSource
  readonly batch: BatchBuffers
  readonly buffers: WorkingBuffers
  readonly draw: DrawBuffer
  /** Of a micro-batch, at most. */
  readonly columns: number
  /** Of logits held at once. */
  readonly logitBytes: number
}

/** `train` drops inputs of adapters where the configuration asks for it; `evaluate` does not. */
export type ForwardMode = 'train' | 'evaluate'

export interface TrainingBlock {
  /** From `input` (the residual stream) to `output`. */
  forward(mode: ForwardMode, input: Tensor, output: Tensor): Command[]
  /**
   * Computes again from `input` what the gradients need, then turns `buffers.residualGradient` from that of the block's
   * output to that of its input. `last`: nothing below is trained, so only this block's own gradients are taken.
   */
  backward(input: Tensor, last: boolean): Command[]
}

/** A dispatch, or a copy of a whole stretch between buffers. */
export type Command = Dispatch | CopyCommand

export interface CopyCommand {
  readonly from: Tensor
  readonly to: Tensor
  readonly elements: number
  /** In elements. */
  readonly fromOffset?: number
  readonly toOffset?: number
}
