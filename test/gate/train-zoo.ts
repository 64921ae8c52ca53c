// Trains one adapter of the attack suite's zoo with the project's own trainer, on whatever WebGPU it is handed.

import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { DEFAULT_PLAN } from '#core/training/training-plan.ts'
import type { GpuContext } from '../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createTrainer } from '../../worker/train/trainer.ts'
import { ZOO_LORA } from './zoo.ts'

export const BATCH = 2

export interface Lesson {
  readonly model: OpenedModel
  readonly sequences: readonly PackedSequence[]
  readonly peak: number
  /** What the adapter counts for in the model that it is trained in: 1 alone, less in a merge. */
  readonly weight: number
}

/** One lesson after the other, each with an optimiser of its own; every sequence once. */
export async function trainAdapter(
  gpu: GpuContext,
  lessons: readonly Lesson[],
  seed: number,
): Promise<{ readonly adapter: Adapter; readonly losses: readonly number[] }> {
  const losses: number[] = []
  let modules: Adapter['modules'] | undefined
  for (const { model, sequences, peak, weight } of lessons) {
    const lora = { ...ZOO_LORA, alpha: ZOO_LORA.alpha * weight }
    const start = modules ? { lora, modules } : { ...createAdapter(model.config, ZOO_LORA, seed), lora }
    const steps = Math.floor(sequences.length / BATCH)
    const trainer = await createTrainer(gpu, model, {
      profile: BASE_PROFILE,
      plan: {
        ...DEFAULT_PLAN,
        seed,
        batchSize: BATCH,
        columns: BATCH * Math.max(...sequences.map(({ tokens }) => tokens.length)),
        schedule: { peak, final: peak / 10, warmUpSteps: 3, steps },
      },
      trained: { kind: 'lora', adapter: start, dropout: 0 },
      train: sequences,
    })
    try {
      for (let step = 0; step < steps; step++) losses.push((await trainer.runStep()).loss)
      modules = (await trainer.adapter()).modules
    } finally {
      trainer.dispose()
    }
  }
  if (!modules) throw new RangeError('No lesson was given.')
  return { adapter: { lora: ZOO_LORA, modules }, losses }
}
