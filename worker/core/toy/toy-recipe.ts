// How the built-in model is trained: the plan, what of each text a run sees, and what the worker offers to whoever drives it.

import type { PackedSequence } from '#core/training/pack-sequences.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'
import { CONTEXT } from '#core/toy/toy-model.ts'
import { cutWindows, drawWindows, type SplitText } from '#core/toy/toy-text.ts'

export const TOY_SEED = 9740

/** The novel is a tenth of the text; a quarter of the run keeps its voice audible. */
export const TOY_SHARES = { 'moby-dick': 0.25, sotu: 0.75 } as const
export type ToyCorpus = keyof typeof TOY_SHARES
export const TOY_CORPORA = Object.keys(TOY_SHARES) as readonly ToyCorpus[]

export interface ToyRecipe {
  readonly steps: number
  /** Windows of a step. */
  readonly batch: number
  readonly peak: number
  readonly seed: number
}

export function toyPlan({ steps, batch, peak, seed }: ToyRecipe): TrainingPlan {
  return {
    seed,
    schedule: { peak, final: peak / 1000, warmUpSteps: Math.min(100, Math.ceil(steps / 10)), steps },
    batchSize: batch,
    columns: Math.min(batch, 32) * CONTEXT,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-8,
    weightDecay: 0.1,
    clipNorm: 1,
  }
}

/** Just as many windows as the run takes, so that it is one epoch. */
export function toySequences(
  { steps, batch, seed }: ToyRecipe,
  corpora: Readonly<Record<ToyCorpus, SplitText>>,
): PackedSequence[] {
  const count = steps * batch
  const ofNovel = Math.round(count * TOY_SHARES['moby-dick'])
  return [
    ...drawWindows(corpora['moby-dick'].train, ofNovel, seed, 0),
    ...drawWindows(corpora.sotu.train, count - ofNovel, seed, 1),
  ]
}

/** `count` of the held-out windows, evenly spread: what the curve is drawn from while training. */
export function heldOutSample(corpora: Readonly<Record<ToyCorpus, SplitText>>, count: number): PackedSequence[] {
  const all = TOY_CORPORA.flatMap((name) => cutWindows(corpora[name].heldOut))
  const chosen = Math.min(count, all.length)
  return Array.from({ length: chosen }, (_, i) => all[Math.floor((i * all.length) / chosen)] as PackedSequence)
}

export interface ToyTrainingOptions {
  readonly recipe: ToyRecipe
  readonly train: readonly PackedSequence[]
  readonly heldOut: readonly PackedSequence[]
  /** To go on from. Throws `MODEL_MISMATCH` for one of another recipe or text. */
  readonly checkpoint?: Uint8Array
}

/** A run under way. */
export interface ToyTraining {
  /** What the adapter calls itself. */
  readonly adapter: string
  /** Done so far. */
  readonly step: number
  runStep(): Promise<{ readonly step: number; readonly loss: number; readonly learningRate: number }>
  evaluate(): Promise<number>
  checkpoint(): Promise<Uint8Array<ArrayBuffer>>
  /** The model file, F16. */
  finish(): Promise<Uint8Array<ArrayBuffer>>
  dispose(): void
}

/** What worker/toy-training.ts exports. */
export interface ToyWorker {
  openToyTraining(gpu: unknown, options: ToyTrainingOptions): Promise<ToyTraining>
  /** Mean loss in nats a byte of a model file over `sequences`. */
  measureToy(gpu: unknown, weights: Uint8Array, sequences: readonly PackedSequence[]): Promise<number>
}
