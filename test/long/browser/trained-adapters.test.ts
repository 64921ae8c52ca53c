// Adapters that PEFT made, in the engine: the logits PEFT gives, on and off, stacked, split over shards.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemorySource } from '#core/formats/byte-source.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createAdapter, type Adapter } from '#core/genome/adapter.ts'
import { importPeft } from '#core/genome/peft-adapter.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { loadShard } from '../../../worker/model/load-shard.ts'
import type { Shard } from '../../../worker/model/shard.ts'
import {
  expectClose,
  expectSameBits,
  loadFixture,
  loadWhole,
  openGpu,
  stepTokens,
  wholeOf,
} from '../../gpu/model/fixture.ts'
import { createTrainer } from '../../../worker/train/trainer.ts'
import { initialAdapter, planOf, runNamed, sequencesOf } from '../../gpu/train/fixture.ts'

const urls = import.meta.glob<string>('../../vectors/peft/**/*', { query: '?url', import: 'default', eager: true })
const folders = [...new Set(Object.keys(urls).map((path) => path.replace(/^.*\/peft\/(.*)\/[^/]*$/, '$1')))].filter(
  (folder) => !folder.includes('.'),
)

async function readAdapter(folder: string, model: OpenedModel) {
  const files = new Map<string, Uint8Array>()
  for (const [path, url] of Object.entries(urls)) {
    const [, name] = new RegExp(`/peft/${folder}/([^/]*)$`).exec(path) ?? []
    if (name !== undefined) files.set(name, new Uint8Array(await (await fetch(url)).arrayBuffer()))
  }
  const golden = JSON.parse(new TextDecoder().decode(files.get('golden.json'))) as {
    prompt: number[]
    vocabulary: number
  }
  const sources = [...files].map(([name, bytes]) => createMemorySource(name, bytes))
  return {
    ...(await importPeft(model.config, sources)),
    prompt: golden.prompt,
    logits: new Float32Array(files.get('logits.f32')?.slice().buffer ?? new ArrayBuffer(0)),
    vocabulary: golden.vocabulary,
  }
}

/** Logits after each token: the first all at once, the last by decoding. */
async function logitsOf(
  shard: Shard,
  tokens: readonly number[],
  family: 'prefill' | 'decode',
): Promise<Float32Array[]> {
  const session = await shard.openSession(64)
  const rows: Float32Array[] = []
  if (family === 'prefill') {
    for (let count = 1; count <= tokens.length; count++) {
      session.trim(0)
      rows.push((await stepTokens(session, tokens.slice(0, count), 'prefill', 'logits')).logits)
    }
  } else for (const token of tokens) rows.push((await stepTokens(session, [token], 'decode', 'logits')).logits)
  session.dispose()
  return rows
}

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

describe.each(folders)('%s', (folder) => {
  const base = `${folder.split('/').at(-1)}-hf`

  test('gives the logits PEFT gives, switched on and off again', async () => {
    const { model } = await loadFixture(base)
    const { adapter, prompt, logits, vocabulary } = await readAdapter(folder, model)
    const shard = await loadWhole(gpu, model)
    const without = await logitsOf(shard, prompt, 'decode')
    const weights = gpu.allocatedBytes
    await shard.setAdapters([{ adapter }])
    for (const family of ['prefill', 'decode'] as const) {
      const rows = await logitsOf(shard, prompt, family)
      for (const [index, row] of rows.entries()) {
        expectClose(row, logits.subarray(index * vocabulary, (index + 1) * vocabulary))
      }
    }
    await shard.setAdapters([])
    for (const [index, row] of (await logitsOf(shard, prompt, 'decode')).entries()) {
      expectSameBits(row, without[index] ?? new Float32Array())
    }
    expect(gpu.allocatedBytes).toBe(weights)
    shard.dispose()
  })
})

test.each(['llama', 'qwen2'])('the adapter exported for PEFT is what training the tiny %s gives', async (name) => {
  const run = runNamed(`${name}-lora`)
  const { model } = await loadFixture(run.base)
  const { adapter } = await readAdapter(`exported/${name}`, model)
  if (!run.lora) throw new Error('the reference run trains no adapter')
  const trainer = await createTrainer(gpu, model, {
    profile: BASE_PROFILE,
    plan: planOf(run),
    trained: { kind: 'lora', adapter: initialAdapter(model, run.lora), dropout: 0 },
    train: sequencesOf(run),
  })
  while (trainer.step < trainer.steps) await trainer.runStep()
  const { lora, modules } = await trainer.adapter()
  expect({ ...lora, targets: [...lora.targets].sort() }).toEqual({
    ...adapter.lora,
    targets: [...adapter.lora.targets].sort(),
  })
  for (const [module, pair] of adapter.modules) {
    for (const part of ['a', 'b'] as const) {
      const got = modules.get(module)?.[part] ?? new Float32Array()
      const off = Math.hypot(...pair[part].map((value, i) => value - (got[i] ?? NaN)))
      // Other adapters round otherwise; twenty steps of AdamW spread it.
      expect(off, `${module} ${part}`).toBeLessThan(0.02 * Math.hypot(...pair[part]))
    }
  }
  trainer.dispose()
})

/** An adapter that does something, by formula. */
function busyAdapter({ config }: OpenedModel, rank: number, seed: number): Adapter {
  const adapter = createAdapter(
    config,
    { targets: ['attn_q', 'ffn_gate', 'ffn_down'], rank, alpha: 4, rankStabilised: false },
    seed,
  )
  for (const { b } of adapter.modules.values()) b.forEach((_, i) => (b[i] = Math.sin(i + seed) * 0.1))
  return adapter
}

test('two adapters add up, each by its weight', async () => {
  const { model, prompt } = await loadFixture('llama-hf')
  const [one, two] = [busyAdapter(model, 2, 1), busyAdapter(model, 3, 2)]
  // The sum of two adapters of one rank each is one with both, its B scaled.
  const shard = await loadWhole(gpu, model)
  await shard.setAdapters([{ adapter: one }, { adapter: two, weight: 0 }])
  const withNothing = await logitsOf(shard, prompt, 'decode')
  await shard.setAdapters([{ adapter: one }])
  const alone = await logitsOf(shard, prompt, 'decode')
  withNothing.forEach((row, i) => expectClose(row, alone[i] ?? new Float32Array()))
  await shard.setAdapters([{ adapter: one, weight: 0.5 }, { adapter: two }, { adapter: one, weight: 0.5 }])
  const halves = await logitsOf(shard, prompt, 'decode')
  await shard.setAdapters([{ adapter: two }, { adapter: one }])
  const both = await logitsOf(shard, prompt, 'decode')
  halves.forEach((row, i) => expectClose(row, both[i] ?? new Float32Array()))
  const largest = Math.max(...(both[0] ?? []).map((value, i) => Math.abs(value - (alone[0]?.[i] ?? 0))))
  expect(largest).toBeGreaterThan(0.01)
  shard.dispose()
})

test('split equals solo, and a column does not know its neighbours, with an adapter too', async () => {
  const { model, prompt } = await loadFixture('llama-hf')
  const adapters = [{ adapter: busyAdapter(model, 5, 3) }]
  const solo = await loadShard(gpu, model, wholeOf(model), { profile: BASE_PROFILE, adapters })
  const wanted = await logitsOf(solo, prompt, 'decode')
  const session = await solo.openSession(64)
  await stepTokens(session, prompt.slice(0, 3), 'decode', 'logits')
  const { logits: together } = await stepTokens(session, prompt.slice(3, 10), 'decode', 'logits')
  expectSameBits(together, wanted[9] ?? new Float32Array())

  const cut = 1
  const first = await loadShard(gpu, model, { first: 0, last: cut }, { profile: BASE_PROFILE, adapters })
  const rest = await loadShard(
    gpu,
    model,
    { first: cut, last: model.config.layers },
    { profile: BASE_PROFILE, adapters },
  )
  const [before, after] = [await first.openSession(64), await rest.openSession(64)]
  for (const [index, token] of prompt.entries()) {
    const passed = await before.step({ tokens: Uint32Array.of(token) }, 'decode', 'none')
    if (passed?.kind !== 'hidden') throw new Error('no hidden state')
    const result = await after.step({ hidden: passed.hidden }, 'decode', 'logits')
    if (result?.kind !== 'logits') throw new Error('no logits')
    expectSameBits(result.logits, wanted[index] ?? new Float32Array())
  }
  for (const shard of [solo, first, rest]) shard.dispose()
})

test('refuses an adapter of another model and keeps the one it has', async () => {
  const { model, prompt } = await loadFixture('llama-hf')
  const shard = await loadWhole(gpu, model)
  await shard.setAdapters([{ adapter: busyAdapter(model, 2, 1) }])
  const before = await logitsOf(shard, prompt, 'decode')
  const other = busyAdapter({ ...model, config: { ...model.config, layers: model.config.layers + 1 } }, 2, 1)
  await expect(shard.setAdapters([{ adapter: other }])).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
  for (const [i, row] of (await logitsOf(shard, prompt, 'decode')).entries()) expectSameBits(row, before[i] ?? row)
  shard.dispose()
})
