// DP-SGD: each example's gradient clipped by itself, noise of the size that was accounted for, and a budget that ends it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { philox4x32 } from '#core/sampling/philox.ts'
import { affordableSteps } from '#core/training/private-account.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { createTrainer, type TrainerOptions } from '../../../worker/train/trainer.ts'
import { openGpu } from '../model/fixture.ts'
import { initialAdapter, openBase, planOf, runNamed, sequencesOf } from './fixture.ts'

let gpu: GpuContext
let model: OpenedModel
beforeAll(async () => {
  gpu = await openGpu()
  model = await openBase('llama-hf')
})
afterAll(() => gpu.dispose())

const run = runNamed('llama-lora')
const SEQUENCES = sequencesOf(run)
const LORA = { targets: ['attn_q', 'ffn_down'] as const, rank: 4, alpha: 8, rankStabilised: false }

function seededBytes(seed: number): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const words = new Uint32Array(length / 4)
    for (let i = 0; i < words.length; i += 4) words.set(philox4x32([counter++, 0, 0, 0], [seed, 0]), i)
    return new Uint8Array(words.buffer)
  }
}

type Privacy = NonNullable<TrainerOptions['privacy']>
const PRIVACY: Privacy = {
  sampleRate: 1,
  noiseMultiplier: 1,
  clipNorm: 0.3,
  delta: 1e-3,
  budget: 1e300,
  random: seededBytes(1),
}

const start = (privacy: Partial<Privacy> | null, train: readonly PackedSequence[] = SEQUENCES, freezeA = false) =>
  createTrainer(gpu, model, {
    profile: BASE_PROFILE,
    plan: { ...planOf(run), batchSize: train.length },
    trained: { kind: 'lora', adapter: initialAdapter(model, LORA), dropout: 0, freezeA },
    train,
    ...(privacy && { privacy: { ...PRIVACY, ...privacy } }),
  })

async function gradients(privacy: Partial<Privacy> | null, train = SEQUENCES, freezeA = false) {
  const trainer = await start(privacy, train, freezeA)
  await trainer.runStep()
  const read = await trainer.read('gradient')
  trainer.dispose()
  return Float64Array.from([...read.values()].flatMap((values) => [...values]))
}

const normOf = (values: Float64Array) => Math.hypot(...values)

test('without noise the gradient is the mean of examples clipped one by one', async () => {
  const alone: Float64Array[] = []
  for (const sequence of SEQUENCES) alone.push(await gradients(null, [sequence]))
  const clipped = alone.map((g) => g.map((value) => value * Math.min(1, 0.3 / normOf(g))))
  expect(Math.min(...alone.map(normOf))).toBeGreaterThan(0.3)
  const wanted = alone[0]?.map((_, i) => clipped.reduce((sum, g) => sum + (g[i] ?? NaN), 0) / SEQUENCES.length)
  const got = await gradients({ noiseMultiplier: 1e-9 })
  const off = normOf(got.map((value, i) => value - (wanted?.[i] ?? NaN)))
  expect(off / normOf(got)).toBeLessThan(1e-5)
})

test('the noise is as large as was accounted for, and differs with the source', async () => {
  const quiet = await gradients({ noiseMultiplier: 1e-9 })
  const noisy = await gradients({ noiseMultiplier: 2, random: seededBytes(5) })
  const noise = noisy.map((value, i) => value - (quiet[i] ?? NaN))
  // Noise of 2 × 0.3 on the sum, over the expected number of examples.
  const deviation = normOf(noise) / Math.sqrt(noise.length)
  expect(deviation / ((2 * 0.3) / SEQUENCES.length)).toBeCloseTo(1, 1)
  expect(await gradients({ noiseMultiplier: 2, random: seededBytes(6) })).not.toEqual(noisy)
})

test('with A frozen only B is trained', async () => {
  const both = await gradients({})
  const half = await gradients({}, SEQUENCES, true)
  expect(half.length).toBeLessThan(both.length)
  const trainer = await start({}, SEQUENCES, true)
  await trainer.runStep()
  const { modules } = await trainer.adapter()
  const initial = initialAdapter(model, LORA)
  for (const [name, { a, b }] of modules) {
    expect(a).toEqual(initial.modules.get(name)?.a)
    expect(b).not.toEqual(initial.modules.get(name)?.b)
  }
  trainer.dispose()
})

test('a spent budget ends the run; a step that drew nobody is a step', async () => {
  const terms = { sampleRate: 0.001, noiseMultiplier: 1, clipNorm: 0.3, delta: 1e-3, budget: 0.0122 }
  const steps = affordableSteps(terms, 19)
  expect(steps).toBeGreaterThan(0)
  expect(steps).toBeLessThan(19)
  const trainer = await start({ ...terms, random: seededBytes(9) })
  for (let step = 1; step <= steps; step++) {
    const report = await trainer.runStep()
    expect(report.epsilon).toBeLessThanOrEqual(terms.budget)
    expect(report.tokens).toBe(0)
  }
  await expect(trainer.runStep()).rejects.toThrow(/budget of 0\.0122 is spent/)
  trainer.dispose()
})
