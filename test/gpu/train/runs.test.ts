// What a training run promises besides being right: the same bits every time, also after a pause; the same results however
// a batch is cut; a quantised base; held-out loss; a trained adapter that the engine then runs.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter } from '#core/genome/adapter.ts'
import { targetsOf } from '#core/genome/lora-config.ts'
import { NO_TARGET, type PackedSequence } from '#core/training/pack-sequences.ts'
import { DEFAULT_PLAN } from '#core/training/training-plan.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import type { Trainer, TrainerOptions } from '../../../worker/train/trainer.ts'
import { expectSameBits, loadWhole, openGpu, stepTokens } from '../model/fixture.ts'
import { openBase } from './fixture.ts'
import { adapterFor, firstGradients, PLAN, SEQUENCES, startRun } from './small-run.ts'

let gpu: GpuContext
let model: OpenedModel
beforeAll(async () => {
  gpu = await openGpu()
  model = await openBase('llama-hf')
})
afterAll(() => gpu.dispose())

const start = (change: Partial<TrainerOptions> = {}, base = model): Promise<Trainer> => startRun(gpu, base, change)

async function finish(trainer: Trainer) {
  const losses: number[] = []
  while (trainer.step < trainer.steps) losses.push((await trainer.runStep()).loss)
  const values = await trainer.read('values')
  trainer.dispose()
  return { losses, values }
}

function expectSameRun(
  a: Awaited<ReturnType<typeof finish>>,
  b: Awaited<ReturnType<typeof finish>>,
  losses = a.losses,
) {
  expect(b.losses).toEqual(losses)
  for (const [name, values] of a.values) expectSameBits(b.values.get(name) ?? new Float32Array(), values)
}

test('the same seed gives the same bits, another seed others', async () => {
  const first = await finish(await start())
  expectSameRun(first, await finish(await start()))
  const other = await finish(await start({ plan: { ...PLAN, seed: 6 } }))
  expect(other.losses).not.toEqual(first.losses)
})

test('paused, stored and resumed by another trainer, the bits are those of an unbroken run', async () => {
  const unbroken = await finish(await start())
  const before = await start()
  const losses = [(await before.runStep()).loss, (await before.runStep()).loss]
  const stop = AbortSignal.abort()
  await expect(before.runStep(stop)).rejects.toMatchObject({ code: 'CANCELLED' })
  const checkpoint = await before.checkpoint()
  before.dispose()

  const after = await start()
  await after.restore(checkpoint)
  expect(after.step).toBe(2)
  const rest = await finish(after)
  expectSameRun(unbroken, { ...rest, losses: [...losses, ...rest.losses] })
})

test('a checkpoint of another run is refused', async () => {
  const trainer = await start()
  const checkpoint = await trainer.checkpoint()
  trainer.dispose()
  const other = await start({ plan: { ...PLAN, seed: 6 } })
  await expect(other.restore(checkpoint)).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
  const shorter = await start({ train: SEQUENCES.slice(0, 1) })
  await expect(shorter.restore(checkpoint)).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
  await expect(other.restore(checkpoint.slice(0, 100))).rejects.toMatchObject({ code: 'FORMAT_TRUNCATED' })
  other.dispose()
  shorter.dispose()
})

function expectNear(
  got: ReadonlyMap<string, Float32Array>,
  want: ReadonlyMap<string, Float32Array>,
  tolerance: number,
) {
  for (const [name, values] of want) {
    const norm = Math.hypot(...values)
    const off = Math.hypot(...values.map((value, i) => value - (got.get(name)?.[i] ?? NaN)))
    expect(off, name).toBeLessThan(tolerance * norm)
  }
}

test('a batch in one pass or in several, and logits in one stretch or in several, give the same gradients', async () => {
  const plan = { ...PLAN, batchSize: SEQUENCES.length }
  const whole = await firstGradients(gpu, model, { plan })
  const cut = await firstGradients(gpu, model, { plan: { ...plan, columns: 48 } })
  expect(cut.loss).toBeCloseTo(whole.loss, 5)
  expectNear(cut.gradients, whole.gradients, 1e-5)

  // 320 logits of 26 columns at a time.
  const stretched = await firstGradients(gpu, model, { plan, logitBytes: 26 * 320 * 4 })
  expect(stretched.loss).toBeCloseTo(whole.loss, 5)
  expectNear(stretched.gradients, whole.gradients, 1e-5)
})

test('dropout takes no part in the held-out loss', async () => {
  const [dropping, plain] = [
    await start(),
    await start({ trained: { kind: 'lora', adapter: adapterFor(model), dropout: 0 } }),
  ]
  expect(await dropping.evaluate()).toBe(await plain.evaluate())
  expect((await dropping.runStep()).loss).not.toBe((await plain.runStep()).loss)
  dropping.dispose()
  plain.dispose()
})

test('the trained adapter makes the engine say what it learned', async () => {
  const text = SEQUENCES[1]?.tokens ?? new Uint32Array()
  const targets = Uint32Array.from(text, (_, i) => text[i + 1] ?? NO_TARGET)
  const learned: PackedSequence = {
    tokens: text,
    targets,
    starts: new Uint32Array(text.length),
    counted: text.length - 1,
  }
  const lora = { targets: targetsOf('llama'), rank: 4, alpha: 8, rankStabilised: false }
  const trainer = await start({
    plan: {
      ...DEFAULT_PLAN,
      columns: 32,
      batchSize: 1,
      schedule: { peak: 3e-2, final: 1e-3, warmUpSteps: 2, steps: 30 },
    },
    trained: { kind: 'lora', adapter: createAdapter(model.config, lora, 1), dropout: 0 },
    train: [learned],
    heldOut: [learned],
  })
  const loss = await trainer.evaluate()
  while (trainer.step < trainer.steps) await trainer.runStep()
  const reached = await trainer.evaluate()
  expect(reached).toBeLessThan(loss / 20)
  const adapter = await trainer.adapter()
  trainer.dispose()

  const shard = await loadWhole(gpu, model)
  await shard.setAdapters([{ adapter }])
  const session = await shard.openSession(64)
  const said: number[] = []
  let total = 0
  for (const [i, token] of text.subarray(0, -1).entries()) {
    const { logits } = await stepTokens(session, [token], 'decode', 'logits')
    const most = Math.max(...logits)
    total +=
      Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0)) +
      most -
      (logits[text[i + 1] ?? 0] ?? NaN)
    said.push(logits.indexOf(most))
  }
  expect(said).toEqual([...text.subarray(1)])
  expect(total / said.length).toBeCloseTo(reached, 4)
  shard.dispose()
})

test('a GGUF base and its adapter in Hugging Face row order agree in training and in the engine', async () => {
  const base = await openBase('llama-gguf-q4_0')
  const trainer = await start({ heldOut: SEQUENCES.slice(1) }, base)
  await trainer.runStep()
  const adapter = await trainer.adapter()
  const [sequence] = SEQUENCES.slice(1)
  const held = await trainer.evaluate()
  trainer.dispose()
  const shard = await loadWhole(gpu, base)
  await shard.setAdapters([{ adapter }])
  const session = await shard.openSession(64)
  let total = 0
  for (const [i, token] of (sequence?.tokens ?? []).entries()) {
    const { logits } = await stepTokens(session, [token], 'decode', 'logits')
    const target = sequence?.targets[i] ?? NO_TARGET
    if (target === NO_TARGET) continue
    const most = Math.max(...logits)
    total += Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0)) + most - (logits[target] ?? NaN)
  }
  expect(total / (sequence?.counted ?? 0)).toBeCloseTo(held, 4)
  shard.dispose()
})

test('refuses what cannot be trained, by name', async () => {
  const quantised = await openBase('llama-gguf-q4_0')
  await expect(start({ trained: { kind: 'full' } }, quantised)).rejects.toThrow(/quantised model .* Train an adapter/)
  await expect(start({ plan: { ...PLAN, columns: 16 } })).rejects.toThrow(/has 41 tokens; this run takes 16/)
  await expect(start({ train: [] })).rejects.toThrow(/nothing to train on/)
  await expect(start({ plan: { ...PLAN, batchSize: 0 } })).rejects.toThrow(/a batch of 0/)
})
