// Steps of B by hand: the gradients and the values that are handed over are those of the adapter, whatever order and parts the
// model's file has them in; and what lies between frozen factors learns.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { targetsOf } from '#core/genome/lora-config.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { basisOf } from '../../../worker/train/core-steps.ts'
import { createLearner } from '../../../worker/train/learner.ts'
import { expectSameBits, openGpu } from '../model/fixture.ts'
import { openBase } from './fixture.ts'
import { PLAN, SEQUENCES, startRun } from './small-run.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

/** Random factors: B of a new adapter is zero, and has no directions. */
function drawnAdapter({ config }: OpenedModel): Adapter {
  const lora = { targets: targetsOf(config.family), rank: 2, alpha: 4, rankStabilised: false }
  const drawn = createAdapter(config, lora, 1)
  const modules = [...drawn.modules].map(([name, { a, b }], part) => {
    const values = b.map((_, i) => Math.sin(i * 12.9898 + part * 78.233) / 50)
    return [name, { a, b: values }] as const
  })
  return { lora, modules: new Map(modules) }
}

test.each(['llama-hf', 'gpt2-hf', 'llama-gguf-q4_0'])(
  '%s: gradients come, and values go, in the order of the adapter',
  async (name) => {
    const model = await openBase(name)
    const adapter = drawnAdapter(model)
    const trained = { kind: 'lora', adapter, dropout: 0, freezeA: true } as const
    const trainer = await startRun(gpu, model, { trained })
    const plain = await startRun(gpu, model, { trained })
    await plain.runStep()
    const expected = await plain.read('gradient')
    const next = new Map([...adapter.modules].map(([module, { b }]) => [module, b.map((value) => 0.5 * value)]))
    const { step } = await trainer.runStepBy((gradients) => {
      expect([...gradients.keys()].sort()).toEqual([...adapter.modules.keys()].sort())
      for (const [module, values] of gradients) {
        expectSameBits(values, expected.get(`${module}.lora_b`) ?? new Float32Array())
      }
      return next
    })
    expect(step).toBe(1)
    const { modules } = await trainer.adapter()
    for (const [module, { a, b }] of modules) {
      expectSameBits(a, adapter.modules.get(module)?.a ?? new Float32Array())
      expectSameBits(b, next.get(module) ?? new Float32Array())
    }
    trainer.dispose()
    plain.dispose()
  },
)

test('only B can be stepped by hand', async () => {
  const model = await openBase('llama-hf')
  const trainer = await startRun(gpu, model)
  await expect(trainer.runStepBy((gradients) => gradients)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  trainer.dispose()
})

test('what lies between frozen factors learns, within their span', async () => {
  const model = await openBase('llama-hf')
  const adapter = drawnAdapter(model)
  const { rank } = adapter.lora
  const bases = new Map([...adapter.modules].map(([name, { b }]) => [name, basisOf(b, rank)]))
  const learner = createLearner(gpu, model, BASE_PROFILE)
  const start = { kind: 'lora', adapter, freezeA: true, bases } as const
  const { change } = await learner.train(start, SEQUENCES, PLAN)
  const [before, after] = await Promise.all([start, change].map((one) => learner.losses(one, [SEQUENCES])))
  expect(after?.[0]).toBeLessThan(before?.[0] ?? 0)
  if (change.kind !== 'lora') throw new Error('expected an adapter')
  for (const [name, { a, b }] of change.adapter.modules) {
    expectSameBits(a, adapter.modules.get(name)?.a ?? new Float32Array())
    const basis = bases.get(name) as Float32Array
    // What is left of B once its part along the basis is taken away.
    let rest = 0
    let size = 0
    for (let k = 0; k < rank; k++) {
      const along = Array.from({ length: rank }, (_, i) => {
        let sum = 0
        for (let row = 0; row < b.length; row += rank) sum += basis[row + i]! * b[row + k]!
        return sum
      })
      for (let row = 0; row < b.length; row += rank) {
        const inside = along.reduce((sum, factor, i) => sum + factor * basis[row + i]!, 0)
        rest += (b[row + k]! - inside) ** 2
        size += b[row + k]! ** 2
      }
    }
    expect(Math.sqrt(rest / size)).toBeLessThan(1e-5)
  }
})
