// Merges of stored genomes: the same request gives the same tensors, loads back, and what does not fit is refused by name.

import { beforeEach, describe, expect, test } from 'vitest'
import { createSha256 } from '#core/crypto/hash.ts'
import { plainVerifier } from '#core/crypto/identity.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { parseJsonObject } from '#core/formats/json-file.ts'
import { loraScale, type LoraConfig } from '#core/genome/lora-config.ts'
import { readZip } from '#core/genome/zip.ts'
import { readAdapterSet } from '#core/merge/adapter-set.ts'
import { planAdapterMerge } from '#core/merge/merge-adapters.ts'
import { hashAdapterSet, mergeId } from '#core/merge/merge-id.ts'
import { findAdapterOperator, ADAPTER_OPERATORS, MERGE_OPERATORS } from '#core/merge/registry.ts'
import { openTensorSet } from '#core/merge/tensor-set.ts'
import { systemClock } from '../../../worker/net/clock.ts'
import { createGenomeFiles } from '../../../worker/node/genome-files.ts'
import { createGenomeMerges, type GenomeMerges } from '../../../worker/node/genome-merge.ts'
import type { MergeProgress, MergeRequest } from '../../../worker/node/lab-api.ts'
import { addGenome, createPlace, type Lab } from './lab-fixture.ts'

let lab: Lab
let merges: GenomeMerges
let shown: (MergeProgress | null)[]
let a: string
let b: string
beforeEach(async () => {
  lab = await createPlace('llama-hf', 'qwen2-hf').open()
  shown = []
  merges = createGenomeMerges(lab.genomes, systemClock, (progress) => shown.push(progress))
  a = await addGenome(lab, 'A', 1, LORA)
  b = await addGenome(lab, 'B', 2, LORA)
})

const request = (operator: string, over: Partial<MergeRequest> = {}): MergeRequest => ({
  name: 'Both',
  operator,
  parents: [a, b],
  parameters: {},
  seed: 5,
  licence: 'CC0-1.0',
  ...over,
})
const genomeOf = (id: string) => lab.genomes.list().find((genome) => genome.id === id)
const LORA: LoraConfig = { targets: ['attn_q'], rank: 2, alpha: 4, rankStabilised: false }

/** ΔW of the first module, multiplied out at a few places. */
async function deltasOf(id: string): Promise<number[]> {
  const { config } = await lab.models.open('llama-hf')
  const { lora, modules } = await lab.genomes.readAdapter(id, config)
  const { a: down, b: up } = modules.get('blk.0.attn_q')!
  return [0, 3, 7, 11].map((place) => {
    let sum = 0
    for (let k = 0; k < lora.rank; k++) sum += up[place * lora.rank + k]! * down[k * config.width + place]!
    return loraScale(lora) * sum
  })
}

test.each([...MERGE_OPERATORS, ...ADAPTER_OPERATORS].map(({ name }) => name))(
  '%s gives the same tensors each time, and an adapter that loads',
  async (operator) => {
    const { parents, parameters, base } = findAdapterOperator(operator)
    const given = Object.fromEntries(parameters.filter((spec) => spec.default === null).map(({ name }) => [name, 0.3]))
    const count = base === 'endpoint' ? 2 : Math.min(2, parents.max)
    const wanted = request(operator, { parameters: given, parents: [a, b].slice(0, count) })
    const preview = await merges.preview(wanted)
    expect(shown).toEqual([])
    const ids = [await merges.merge(wanted), await merges.merge(wanted)] as const
    expect(ids[0]).not.toBe(ids[1])
    expect(await lab.genomes.readTensors(ids[0])).toEqual(await lab.genomes.readTensors(ids[1]))
    expect(genomeOf(ids[0])).toMatchObject({
      name: 'Both',
      operator,
      parents: wanted.parents,
      rank: preview.rank,
      alpha: preview.rank,
      bytes: preview.genomeBytes,
      targets: ['attn_q'],
      modelId: 'llama-hf',
    })
    const { manifest } = lab.genomes.find(ids[0])
    expect(manifest.parameters['merge']).toBe(preview.mergeId)
    expect(manifest.seed).toBe(preview.random ? 5 : 0)
    expect((await deltasOf(ids[0])).every(Number.isFinite)).toBe(true)
    expect(shown.filter((progress) => progress === null)).toHaveLength(2)
    expect(shown.map((progress) => progress?.progress ?? 1)).toContain(1 / preview.modules)
  },
)

test('linear is the weighted average of the updates, of adapters of other ranks and scales too', async () => {
  const c = await addGenome(lab, 'C', 3, { ...LORA, rank: 3, alpha: 9, rankStabilised: true })
  const id = await merges.merge(request('linear', { parents: [a, c], parameters: { weight: [0.25, 0.75] } }))
  expect(genomeOf(id)?.rank).toBe(5)
  const [one, other] = [await deltasOf(a), await deltasOf(c)]
  for (const [i, value] of (await deltasOf(id)).entries()) {
    expect(value).toBeCloseTo(0.25 * one[i]! + 0.75 * other[i]!, 6)
  }
})

test('has the id that the exported folders have elsewhere', async () => {
  const files = createGenomeFiles(lab.genomes, lab.models, plainVerifier)
  const sets = await Promise.all(
    [a, b].map(async (id) => {
      const [config, tensors] = await readZip('export', (await files.export(id)).bytes, 1e9)
      const set = await openTensorSet('folder', [createMemorySource('adapter', tensors!.bytes)])
      return readAdapterSet(parseJsonObject('config', config!.bytes), set)
    }),
  )
  const plan = planAdapterMerge(findAdapterOperator('ties'), null, sets, { given: { density: 0.5 }, seed: 5 })
  const hashes = await Promise.all(sets.map((set) => hashAdapterSet(set, createSha256())))
  const preview = await merges.preview(request('ties', { parameters: { density: 0.5 } }))
  expect(preview.mergeId).toBe(mergeId(plan, 5, null, hashes))
})

test('a base is the origin, and a parent by its own name', async () => {
  const id = await merges.merge(request('task_arithmetic', { parents: [b], base: a }))
  expect(lab.genomes.find(id).manifest).toMatchObject({ parents: [a, b], parameters: { base: a } })
  const wanted = await deltasOf(b)
  for (const [i, value] of (await deltasOf(id)).entries()) expect(value).toBeCloseTo(wanted[i]!, 6)
})

test('ranks that add up beyond what a linear has are cut back where that loses nothing', async () => {
  const { width } = (await lab.models.open('llama-hf')).config
  const lora = { ...LORA, rank: width }
  const [c, d] = [await addGenome(lab, 'C', 3, lora), await addGenome(lab, 'D', 4, lora)]
  const id = await merges.merge(request('linear', { parents: [c, d], parameters: { weight: [0.5, 0.5] } }))
  expect(genomeOf(id)?.rank).toBe(width)
  const [one, other] = [await deltasOf(c), await deltasOf(d)]
  for (const [i, value] of (await deltasOf(id)).entries()) expect(value).toBeCloseTo((one[i]! + other[i]!) / 2, 5)
  await expect(merges.merge(request('lora_stack', { parents: [c, d] }))).rejects.toThrow(/has .* at most.*lora_svd/)
})

describe('refuses by name and keeps nothing of', () => {
  test.each<[string, () => Promise<MergeRequest> | MergeRequest, RegExp]>([
    ['an unknown operator', () => request('blend'), /no merge operator "blend"/],
    ['an unknown parameter', () => request('linear', { parameters: { heat: 1 } }), /no parameter "heat"/],
    ['an unknown genome', () => request('linear', { parents: [a, 'f'.repeat(64)] }), /no genome f{12}/],
    ['no genome', () => request('linear', { parents: [] }), /Choose the genomes/],
    ['one parent too few', () => request('slerp', { parents: [a], parameters: { t: 0.5 } }), /takes 1 parent/],
    ['a rank no adapter has', () => request('lora_svd', { rank: 4000 }), /has .* at most/],
    ['a seed that is none', () => request('dare_ties', { seed: -1 }), /seed/],
    ['a result without a name', () => request('linear', { name: '' }), /name/],
    [
      'other target modules',
      async () => request('linear', { parents: [a, await addGenome(lab, 'C', 3, { ...LORA, targets: ['attn_v'] })] }),
      /"C" lacks the target module/,
    ],
    [
      'another base model',
      async () => request('linear', { parents: [a, await addGenome(lab, 'Q', 3, LORA, 'qwen2-hf')] }),
      /"A" and "Q" were made for "Tiny llama-hf" and "Tiny qwen2-hf"/,
    ],
  ])('%s', async (_what, make, message) => {
    const wanted = await make()
    const before = lab.genomes.list().length
    await expect(merges.preview(wanted)).rejects.toThrow(message)
    await expect(merges.merge(wanted)).rejects.toThrow(message)
    expect(lab.genomes.list()).toHaveLength(before)
    expect(shown.filter((progress) => progress !== null)).toEqual([])
  })

  test('a second merge while one is in progress', async () => {
    const first = merges.merge(request('linear'))
    await expect(merges.merge(request('linear'))).rejects.toThrow(/in progress/)
    expect(genomeOf(await first)).toBeDefined()
  })
})
