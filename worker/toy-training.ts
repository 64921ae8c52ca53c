// Entry for training the built-in model outside a tab: the trainer over whatever WebGPU is handed in.

import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { encodeToyWeights, initialToyWeights, openToy } from '#core/toy/toy-model.ts'
import { toyPlan, type ToyRecipe, type ToyTraining, type ToyTrainingOptions } from '#core/toy/toy-recipe.ts'
import { bundledShaders } from './gpu/bundled-shaders.ts'
import { isCpuAdapter } from './gpu/choose-profile.ts'
import { createGpuContext, type GpuContext } from './gpu/context.ts'
import { BASE_PROFILE, type KernelProfile } from './gpu/profile.ts'
import { createTrainer } from './train/trainer.ts'

/** Fixed, not measured: a run that is resumed must find the shapes it began with. */
const profileFor = ({ info }: GpuContext): KernelProfile =>
  isCpuAdapter(info) ? BASE_PROFILE : { ...BASE_PROFILE, gemm: 'tiled', norm: 'threads32' }

export async function openToyTraining(gpu: GPU, options: ToyTrainingOptions): Promise<ToyTraining> {
  const { recipe, train, heldOut, checkpoint } = options
  const context = await createGpuContext({ gpu, shaders: bundledShaders })
  const trainer = await createTrainer(context, await openToy(initialFile(recipe)), {
    profile: profileFor(context),
    plan: toyPlan(recipe),
    trained: { kind: 'full' },
    train,
    heldOut,
  })
  if (checkpoint) await trainer.restore(checkpoint)
  const { vendor, architecture, description } = context.info
  return {
    adapter: [vendor, architecture, description].filter(Boolean).join(' '),
    get step() {
      return trainer.step
    },
    runStep: () => trainer.runStep(),
    evaluate: () => trainer.evaluate(),
    checkpoint: () => trainer.checkpoint(),
    finish: async () => encodeToyWeights(await trainer.read('values'), 'F16'),
    dispose() {
      trainer.dispose()
      context.dispose()
    },
  }
}

const initialFile = ({ seed }: ToyRecipe): Uint8Array<ArrayBuffer> => encodeToyWeights(initialToyWeights(seed), 'F32')

export async function measureToy(gpu: GPU, weights: Uint8Array, sequences: readonly PackedSequence[]): Promise<number> {
  const context = await createGpuContext({ gpu, shaders: bundledShaders })
  const trainer = await createTrainer(context, await openToy(weights), {
    profile: profileFor(context),
    plan: toyPlan({ steps: 1, batch: 8, peak: 1e-3, seed: 0 }),
    trained: { kind: 'full' },
    train: sequences.slice(0, 8),
    heldOut: sequences,
  })
  try {
    return await trainer.evaluate()
  } finally {
    trainer.dispose()
    context.dispose()
  }
}
