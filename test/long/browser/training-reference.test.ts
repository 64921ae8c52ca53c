// Losses, gradients and twenty steps of training against PyTorch, transformers and PEFT.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { createTrainer, type StepReport } from '../../../worker/train/trainer.ts'
import { openGpu } from '../../gpu/model/fixture.ts'
import { initialAdapter, openBase, planOf, RUNS, sequencesOf, WAVES } from '../../gpu/train/fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

describe.each(RUNS)('$name', ({ run }) => {
  const start = async () => {
    const model = await openBase(run.base)
    return createTrainer(gpu, model, {
      profile: BASE_PROFILE,
      plan: planOf(run),
      trained: run.lora ? { kind: 'lora', adapter: initialAdapter(model, run.lora), dropout: 0 } : { kind: 'full' },
      train: sequencesOf(run),
    })
  }

  test('gives the loss, the gradients, and twenty steps of the reference', { timeout: 240_000 }, async () => {
    const trainer = await start()
    const reports: StepReport[] = [await trainer.runStep()]
    const gradients = await trainer.read('gradient')
    expect([...gradients.keys()].sort()).toEqual(Object.keys(run.gradients).sort())
    for (const [name, want] of Object.entries(run.gradients)) {
      const got = gradients.get(name) ?? new Float32Array()
      expect(got.length, name).toBe(want.elements)
      const norm = Math.sqrt(got.reduce((sum, value) => sum + value * value, 0))
      expect(Math.abs(norm - want.norm) / want.norm, `${name}: norm ${norm}, want ${want.norm}`).toBeLessThan(1e-4)
      for (const [index, frequency] of WAVES.entries()) {
        const wave = got.reduce((sum, value, i) => sum + value * Math.sin(frequency * i + 0.5), 0)
        expect(Math.abs(wave - (want.waves[index] ?? NaN)) / want.norm, `${name}: wave ${index}`).toBeLessThan(1e-4)
      }
      want.first.forEach((value, i) => {
        expect(Math.abs((got[i] ?? NaN) - value) / want.norm, `${name}: element ${i}`).toBeLessThan(1e-4)
      })
    }
    while (trainer.step < trainer.steps) reports.push(await trainer.runStep())
    reports.forEach(({ loss, gradientNorm }, step) => {
      const [wantLoss = NaN, wantNorm = NaN] = [run.losses[step], run.norms[step]]
      expect(Math.abs(loss - wantLoss) / wantLoss, `step ${step}: loss ${loss}, want ${wantLoss}`).toBeLessThan(5e-4)
      expect(
        Math.abs(gradientNorm - wantNorm) / wantNorm,
        `step ${step}: norm ${gradientNorm}, want ${wantNorm}`,
      ).toBeLessThan(5e-3)
    })
    trainer.dispose()
  })
})
