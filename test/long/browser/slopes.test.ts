// Training over quantised bases, for which no reference computes the same rounding: the gradient is the slope of the loss.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { openGpu } from '../../gpu/model/fixture.ts'
import { openBase } from '../../gpu/train/fixture.ts'
import { adapterFor, firstGradients, PLAN, SEQUENCES, startRun } from '../../gpu/train/small-run.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

test.each(['llama-gguf-q4_0', 'llama-gguf-k', 'qwen2-gguf-q5_0', 'gpt2-gguf-q8_0'])('over %s', async (name) => {
  const base = await openBase(name)
  const adapter = adapterFor(base)
  const plan = { ...PLAN, batchSize: SEQUENCES.length }
  const { gradients } = await firstGradients(gpu, base, { plan, trained: { kind: 'lora', adapter, dropout: 0 } })
  // Along the gradient itself, B and A together: the slope is its squared norm.
  const squared = [...gradients.values()].reduce((sum, g) => sum + g.reduce((s, v) => s + v * v, 0), 0)
  const step = 0.004 / Math.sqrt(squared)
  const lossAt = async (factor: number) => {
    const shifted = new Map(
      [...adapter.modules].map(([module, { a, b }]) => [
        module,
        {
          a: along(a, gradients.get(`${module}.lora_a`), factor),
          b: along(b, gradients.get(`${module}.lora_b`), factor),
        },
      ]),
    )
    const trained = { kind: 'lora', adapter: { ...adapter, modules: shifted }, dropout: 0 } as const
    const moved = await startRun(gpu, base, { plan, trained, heldOut: SEQUENCES })
    const loss = await moved.evaluate()
    moved.dispose()
    return loss
  }
  const slope = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step)
  expect(Math.abs(slope / squared - 1)).toBeLessThan(0.01)
})

function along(values: Float32Array, direction: Float32Array | undefined, factor: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (value, i) => value + factor * (direction?.[i] ?? 0))
}
