// The optimiser step that the benchmark times: the same for whoever computes it, ours or another library, down to the
// tokens and the adapter it begins with.

import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { targetsOf } from '#core/genome/lora-config.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { drawUniform } from '#core/training/random-streams.ts'
import type { SeededFamily } from '#core/training/seeded-model.ts'
import { DEFAULT_PLAN, type TrainingPlan } from '#core/training/training-plan.ts'

export interface BenchTask {
  /** Addresses of the model's files, or a model made up on the spot. */
  readonly model: { readonly files: readonly string[] } | { readonly seeded: SeededFamily }
  readonly rank: number
  /** Of one step, each of `length` tokens, one document each. */
  readonly sequences: number
  readonly length: number
  readonly seed: number
}

export type BenchRequest =
  | { readonly type: 'open'; readonly task: BenchTask }
  /** Steps one after another, each one's loss read before the next. */
  | { readonly type: 'steps'; readonly count: number }
  /** The forward pass and its loss alone. */
  | { readonly type: 'forward' }
  | { readonly type: 'close' }

export type BenchAnswer =
  | { readonly type: 'opened'; readonly facts: BenchFacts }
  | {
      readonly type: 'stepped'
      readonly losses: readonly number[]
      /** Before clipping. */
      readonly gradientNorms: readonly number[]
      /** Until the GPU was done with all of them. */
      readonly milliseconds: number
      /** The most that GPU buffers held at once so far. */
      readonly peakBytes: number
    }
  | { readonly type: 'forwarded'; readonly milliseconds: number }
  | { readonly type: 'closed' }
  | { readonly type: 'failed'; readonly message: string }

export interface BenchFacts {
  readonly adapter: string
  readonly family: string
  /** Width, layers, and what else names the model's size. */
  readonly shape: string
  readonly trainableParameters: number
  /** Element type of the frozen weights on the GPU. */
  readonly weights: string
}

/** One rate throughout, and clipping that is felt: losses after the first step depend on every part of it. */
export function benchPlan({ sequences, length, seed }: BenchTask): TrainingPlan {
  return {
    ...DEFAULT_PLAN,
    seed,
    batchSize: sequences,
    columns: sequences * length,
    schedule: { peak: 5e-3, final: 5e-3, warmUpSteps: 0, steps: 1_000_000 },
  }
}

/** Tokens drawn evenly: what they say costs nothing. Every place has a target. */
export function benchSequences({ sequences, length, seed }: BenchTask, vocabulary: number): PackedSequence[] {
  return Array.from({ length: sequences }, (_, part) => {
    const draw = (index: number) => Math.floor(drawUniform(seed, 'order', index, part) * vocabulary)
    const drawn = Uint32Array.from({ length: length + 1 }, (_, index) => draw(index))
    return {
      tokens: drawn.slice(0, length),
      targets: drawn.slice(1),
      starts: new Uint32Array(length),
      counted: length,
    }
  })
}

/** On every linear of the family, with a scale of 2. */
export function benchAdapter({ config }: OpenedModel, { rank, seed }: BenchTask): Adapter {
  const lora = { targets: targetsOf(config.family), rank, alpha: 2 * rank, rankStabilised: false }
  return createAdapter(config, lora, seed)
}

export function describeShape({ config }: OpenedModel): string {
  const { layers, width, ffnWidth, vocabularySize } = config
  return `${layers} layers, width ${width}, ffn ${ffnWidth}, vocabulary ${vocabularySize}`
}
