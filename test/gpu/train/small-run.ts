// A short run over the tiny Llama, and ways to vary it.

import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { targetsOf } from '#core/genome/lora-config.ts'
import type { TrainingPlan } from '#core/training/training-plan.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { createTrainer, type Trainer, type TrainerOptions } from '../../../worker/train/trainer.ts'
import { initialAdapter, planOf, runNamed, sequencesOf } from './fixture.ts'

const run = runNamed('llama-lora')
export const SEQUENCES = sequencesOf(run)
export const PLAN: TrainingPlan = {
  ...planOf(run),
  seed: 5,
  batchSize: 1,
  schedule: { peak: 1e-2, final: 1e-3, warmUpSteps: 1, steps: 6 },
}

export function adapterFor(base: OpenedModel, rank = 3): Adapter {
  return initialAdapter(base, { targets: targetsOf(base.config.family), rank, alpha: 6, rankStabilised: false })
}

export function startRun(gpu: GpuContext, base: OpenedModel, change: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return createTrainer(gpu, base, {
    profile: BASE_PROFILE,
    plan: PLAN,
    trained: { kind: 'lora', adapter: adapterFor(base), dropout: 0.1 },
    train: SEQUENCES,
    heldOut: SEQUENCES.slice(0, 1),
    ...change,
  })
}

/** Loss and gradients of one step without dropout. */
export async function firstGradients(gpu: GpuContext, base: OpenedModel, change: Partial<TrainerOptions>) {
  const trained = { kind: 'lora', adapter: adapterFor(base), dropout: 0 } as const
  const trainer = await startRun(gpu, base, { trained, ...change })
  const { loss } = await trainer.runStep()
  const gradients = await trainer.read('gradient')
  trainer.dispose()
  return { loss, gradients }
}
