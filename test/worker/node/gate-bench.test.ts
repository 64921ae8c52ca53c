// The model as the gate tries it: which adapters run with which weights, what is asked, and what a GPU that gives up means.

import { expect, it } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { openCandidate } from '#core/gate/candidate.ts'
import { loraScale } from '#core/genome/lora-config.ts'
import { plainVerifier } from '#core/crypto/identity.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { ActiveAdapter, Shard, ShardSession } from '../../../worker/model/shard.ts'
import { openGateBench, type GateBenchOptions } from '../../../worker/node/gate-bench.ts'
import { createGenomeJudging } from '../../../worker/node/genome-judging.ts'
import { createRandom } from '../net/simulation.ts'
import { addGenome, createPlace } from './lab-fixture.ts'

const LETTERS = [new Blob(Array.from({ length: 300 }, (_, i) => `Letter ${i}: on day ${i * i} the sea is calm. `))]

async function open(over: Partial<GateBenchOptions> = {}) {
  const place = createPlace('llama-hf')
  const lab = await place.open()
  const [guest, own] = [await addGenome(lab, 'Guest', 1), await addGenome(lab, 'Own', 2)]
  const model = await lab.models.open('llama-hf')
  const ownAdapter = await lab.genomes.readAdapter(own, model.config)
  const judging = createGenomeJudging({
    surroundings: { records: place.records } as never,
    owner: 'ben',
    swarm: { send: () => undefined },
    models: lab.models,
    exchange: {} as never,
    measure: async () => [],
    onChange: () => undefined,
  })
  const measured: Adapter[] = []
  const loaded: (readonly ActiveAdapter[])[] = []
  const closed: string[] = []
  const random = createRandom(5)
  const bench = (modelId: string) =>
    openGateBench(
      {
        models: { ...lab.models, fetch: async () => undefined },
        judging,
        adapters: { chosen: () => [], read: async () => [{ adapter: ownAdapter, weight: 0.5 }] },
        shards: {
          start: async () => undefined,
          state: () => ({ kind: 'starting' }),
          profile: () => '',
          load: async () => {
            const session: Partial<ShardSession> = {
              trim: () => undefined,
              step: async () => ({ kind: 'logits', logits: Float32Array.of(1, 2, 3) }),
              dispose: () => void closed.push('session'),
            }
            const shard: Partial<Shard> = {
              setAdapters: async (active) => void loaded.push(active),
              openSession: async () => session as ShardSession,
              dispose: () => void closed.push('shard'),
            }
            return shard as Shard
          },
        },
        measure: async (_model, adapter, sequences) => {
          measured.push(adapter)
          return sequences.map(() => ({ before: 3, after: 3 - measured.length, tokens: 10 }))
        },
        random,
        maxWeight: 0.25,
        ...over,
      },
      modelId,
    )
  const { bytes } = lab.genomes.find(guest)
  const candidate = openCandidate(
    {
      sender: null,
      announcement: null,
      content: null,
      manifest: bytes,
      unsigned: null,
      tensors: await lab.genomes.readTensors(guest),
      claim: null,
      again: false,
    },
    plainVerifier,
  )
  return { judging, bench, candidate, measured, loaded, closed, ownAdapter }
}

it('measures base, genome, what runs now, and what would run with the genome under its cap, on probes of its own', async () => {
  const { judging, bench, candidate, measured, ownAdapter } = await open()
  expect(await bench('llama-hf')).toBeNull()
  await judging.setText('letters', LETTERS, ['a.txt'])
  const opened = (await bench('llama-hf')) ?? expect.fail('There is a text, a model and a GPU.')
  const losses = (await opened.evaluate?.(candidate)) ?? []
  expect(losses.length).toBeGreaterThanOrEqual(16)
  expect(losses[0]).toEqual({ kind: 'own', tokens: 10, base: 3, candidate: 2, current: 1, merged: 0 })
  const [alone, now, merged] = measured as [Adapter, Adapter, Adapter]
  expect(merged.lora).toMatchObject({ rank: alone.lora.rank + ownAdapter.lora.rank, alpha: merged.lora.rank })
  // ΔW of the first row and column: half of the own genome’s, and a quarter of the guest’s.
  const entry = ({ lora, modules }: Adapter) => {
    const { a, b } = modules.get('blk.0.attn_q') ?? expect.fail('It changes no queries.')
    const inputs = a.length / lora.rank
    const sum = Array.from({ length: lora.rank }, (_, k) => (b[k] ?? 0) * (a[k * inputs] ?? 0))
    return loraScale(lora) * sum.reduce((total, value) => total + value, 0)
  }
  expect(entry(now)).toBeCloseTo(0.5 * entry(ownAdapter), 6)
  expect(entry(merged)).toBeCloseTo(0.5 * entry(ownAdapter) + 0.25 * entry(alone), 6)
})

it('puts private prompts to the model, each time other ones, and gives the GPU back', async () => {
  const { judging, bench, candidate, loaded, closed, ownAdapter } = await open()
  await judging.setText('letters', LETTERS, ['a.txt'])
  const opened = (await bench('llama-hf')) ?? expect.fail('There is a text, a model and a GPU.')
  const { prompts = [], phrases = [], alphabet } = opened.canaries ?? {}
  expect(prompts).toHaveLength(6)
  expect(phrases.length).toBeGreaterThan(5)
  expect(new Set(alphabet).size).toBeGreaterThan(10)
  const [said] = (await opened.behave?.(candidate, 'merged', prompts.slice(0, 1))) ?? []
  expect([...(said ?? [])].reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 5)
  await opened.behave?.(candidate, 'current', prompts)
  await opened.behave?.(candidate, 'merged', prompts)
  expect(loaded.map((active) => active.map(({ weight }) => weight))).toEqual([[0.5, 0.25], [0.5]])
  expect(loaded[1]?.[0]?.adapter).toBe(ownAdapter)
  opened.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(closed.sort()).toEqual(['session', 'session', 'shard', 'shard'])
  const again = await bench('llama-hf')
  expect(again?.canaries?.prompts).not.toEqual(prompts)
})

it('says that the GPU gave up, which is no finding on the genome', async () => {
  const { judging, bench, candidate } = await open({
    measure: async () => Promise.reject(new CentramError('GPU_OUT_OF_MEMORY', 'There is no room.')),
  })
  await judging.setText('letters', LETTERS, ['a.txt'])
  const opened = (await bench('llama-hf')) ?? expect.fail('There is a text, a model and a GPU.')
  expect(opened.failed()).toBe(false)
  await expect(opened.evaluate?.(candidate)).rejects.toThrow(/no room/)
  expect(opened.failed()).toBe(true)
})

it('does not begin where there is no GPU, or a large model would have to be fetched', async () => {
  const none = await open({
    shards: { start: async () => Promise.reject(new Error('none')), state: () => ({ kind: 'starting' }) } as never,
  })
  await none.judging.setText('letters', LETTERS, ['a.txt'])
  expect(await none.bench('llama-hf')).toBeNull()
})
