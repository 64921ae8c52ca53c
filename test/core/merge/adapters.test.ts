// Adapters as PEFT saves them, merged: against PEFT's own results, against whole ΔW, and refused where they do not fit.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { isJsonObject, type JsonObject } from '#core/formats/json-file.ts'
import { createSafetensorsWriter, layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { readAdapterSet, readUpdate, type AdapterSet } from '#core/merge/adapter-set.ts'
import { multiplyOut } from '#core/merge/low-rank.ts'
import { planAdapterMerge, type AdapterMergeOptions } from '#core/merge/merge-adapters.ts'
import type { MergedPart } from '#core/merge/merge-plan.ts'
import { bindParameters } from '#core/merge/parameters.ts'
import { findAdapterOperator, findOperator, MERGE_OPERATORS } from '#core/merge/registry.ts'
import { encodeFloats, openTensorSet } from '#core/merge/tensor-set.ts'

const VECTORS = new URL('../../vectors/merge/', import.meta.url)
const golden = JSON.parse(readFileSync(new URL('adapters.json', VECTORS), 'utf8')) as {
  adapters: Record<string, Record<string, number[]>>
  cases: {
    kind: string
    parents: string[]
    weights: number[]
    svdRank: number | null
    rank: number
    deltas: Record<string, number[]>
  }[]
}

const configOf = (name: string): JsonObject =>
  JSON.parse(readFileSync(new URL(`adapters/${name}/adapter_config.json`, VECTORS), 'utf8')) as JsonObject

async function open(name: string, config: JsonObject = configOf(name)): Promise<AdapterSet> {
  const bytes = readFileSync(new URL(`adapters/${name}/adapter_model.safetensors`, VECTORS))
  return readAdapterSet(config, await openTensorSet(name, [createMemorySource(`${name}.safetensors`, bytes)]))
}

async function deltasOf(adapter: AdapterSet): Promise<Record<string, Float32Array>> {
  const list = await Promise.all(
    [...adapter.modules.values()].map(async (module) => [module.name, multiplyOut(await readUpdate(module))] as const),
  )
  return Object.fromEntries(list)
}

/** Merges, writes, and reads what was written. */
async function merge(
  operator: string,
  parents: readonly AdapterSet[],
  options: Partial<AdapterMergeOptions> = {},
  base: AdapterSet | null = null,
) {
  const plan = planAdapterMerge(findAdapterOperator(operator), base, parents, { given: {}, seed: 0, ...options })
  const layout = layOutSafetensors(plan.outputs)
  const parts: Uint8Array[] = []
  const merged: MergedPart[] = []
  const writer = await createSafetensorsWriter(layout, async (bytes) => void parts.push(bytes.slice()))
  await plan.run(layout.entries, writer.write, (part) => merged.push(part))
  writer.finish()
  const source = createMemorySource('merged', new Uint8Array(Buffer.concat(parts)))
  expect(isJsonObject(plan.config)).toBe(true)
  const adapter = readAdapterSet(plan.config!, await openTensorSet('merged', [source]))
  return { adapter, merged, rank: plan.rank, deltas: await deltasOf(adapter) }
}

function distance(actual: Float32Array, expected: ArrayLike<number>): number {
  let off = 0
  let size = 0
  for (let i = 0; i < actual.length; i++) {
    off += (actual[i]! - expected[i]!) ** 2
    size += expected[i]! ** 2
  }
  return size === 0 ? Math.sqrt(off) : Math.sqrt(off / size)
}

function expectDeltas(
  actual: Record<string, Float32Array>,
  expected: Record<string, ArrayLike<number>>,
  most = 1e-5,
): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, delta] of Object.entries(actual)) {
    expect(delta.length, name).toBe(expected[name]!.length)
    expect(distance(delta, expected[name]!), name).toBeLessThan(most)
  }
}

const all = () => Promise.all(['one', 'two', 'three'].map((name) => open(name)))

describe('an adapter that PEFT saved', () => {
  test.each(['one', 'two', 'three'])('%s has the ΔW that PEFT gives it', async (name) => {
    expectDeltas(await deltasOf(await open(name)), golden.adapters[name]!)
  })
})

describe('PEFT’s add_weighted_adapter', () => {
  const operators: Record<string, string> = { cat: 'lora_stack', svd: 'lora_svd', linear: 'lora_linear' }
  test.each(golden.cases.map((item) => [item.kind, item.parents.join('+'), item] as const))(
    '%s of %s',
    async (_k, _p, item) => {
      const parents = await Promise.all(item.parents.map((name) => open(name)))
      const given = { weight: item.weights, normalize: false }
      const result = await merge(operators[item.kind]!, parents, { given, rank: item.svdRank ?? undefined })
      expect(result.rank).toBe(item.rank)
      expectDeltas(result.deltas, item.deltas)
      expect(result.adapter.config).toMatchObject({ r: item.rank, lora_alpha: item.rank, use_rslora: false })
    },
  )
})

/** Σ cᵢ·ΔWᵢ on whole matrices. */
async function plainSum(parents: readonly AdapterSet[], weights: readonly number[]) {
  const deltas = await Promise.all(parents.map(deltasOf))
  return Object.fromEntries(
    Object.entries(deltas[0]!).map(([name, first]) => [
      name,
      first.map((_, i) => deltas.reduce((sum, delta, k) => sum + weights[k]! * delta[name]![i]!, 0)),
    ]),
  )
}

describe('averaging', () => {
  test('by stacking is exact, and its rank the sum of ranks', async () => {
    const parents = await all()
    const result = await merge('lora_stack', parents, { given: { weight: [1, 2, 5] } })
    expect(result.rank).toBe(2 + 4 + 2)
    expectDeltas(result.deltas, await plainSum(parents, [0.125, 0.25, 0.625]), 1e-6)
    expect(result.merged.every((part) => part.residual === 0)).toBe(true)
  })

  test('by SVD tells how far off it is, and is exact where the rank suffices', async () => {
    const parents = await all()
    const average = await plainSum(parents, [1 / 3, 1 / 3, 1 / 3])
    let before = 2
    for (const rank of [1, 2, 3, 5]) {
      const result = await merge('lora_svd', parents, { rank })
      const worst = Math.max(...result.merged.map((part) => part.residual!))
      for (const { name, residual } of result.merged) {
        expect(Math.abs(distance(result.deltas[name]!, average[name]!) - residual!), name).toBeLessThan(1e-6)
      }
      expect(worst).toBeLessThan(before)
      before = worst
    }
    const whole = await merge('lora_svd', parents, { rank: 8 })
    expectDeltas(whole.deltas, average, 1e-6)
    expect(Math.max(...whole.merged.map((part) => part.residual!))).toBe(0)
  })

  test('A and B apart is not the average, and says so', async () => {
    const parents = [await open('one'), await open('three')]
    const average = await plainSum(parents, [0.5, 0.5])
    const result = await merge('lora_linear', parents)
    for (const { name, residual } of result.merged) {
      expect(residual).toBeGreaterThan(0.1)
      expect(Math.abs(distance(result.deltas[name]!, average[name]!) - residual!), name).toBeLessThan(1e-6)
    }
  })

  test('A and B apart doubles an adapter averaged with itself, as PEFT does', async () => {
    const one = await open('one')
    const result = await merge('lora_linear', [one, one])
    expectDeltas(result.deltas, await plainSum([one], [2]))
    expect(result.merged.every((part) => Math.abs(part.residual! - 1) < 1e-6)).toBe(true)
  })

  test('does not depend on the order of the parents', async () => {
    const parents = await all()
    const there = await merge('lora_svd', parents, { given: { weight: [1, 2, 3] }, rank: 2 })
    const back = await merge('lora_svd', [...parents].reverse(), { given: { weight: [3, 2, 1] }, rank: 2 })
    expectDeltas(there.deltas, back.deltas)
  })

  test('of one adapter with itself is that adapter', async () => {
    const one = await open('one')
    const own = await deltasOf(one)
    for (const operator of ['lora_stack', 'lora_svd', 'linear', 'slerp', 'karcher', 'ties', 'sce']) {
      const given = operator === 'slerp' ? { t: 0.3 } : {}
      expectDeltas((await merge(operator, [one, one], { given })).deltas, own)
    }
  })
})

describe('operators over tensors, on adapters', () => {
  // Every one gives what it makes of whole ΔW: at full rank nothing is cut off.
  test.each(MERGE_OPERATORS.map((operator) => operator.name))('%s works on ΔW', async (name) => {
    const operator = findOperator(name)
    const needsT = operator.parameters.some((spec) => spec.name === 't')
    const thins = operator.parameters.some((spec) => spec.name === 'density')
    const given = { ...(needsT ? { t: 0.3 } : {}), ...(thins && name !== 'task_arithmetic' ? { density: 0.6 } : {}) }
    const count = operator.parents.max + (operator.base === 'endpoint' ? 1 : 0)
    const parents = (await all()).slice(0, count)
    const result = await merge(name, parents, { given, rank: 9, seed: 7 })

    const deltas = await Promise.all(parents.map(deltasOf))
    const [first, ...rest] = deltas
    const endpoint = operator.base === 'endpoint'
    const values = bindParameters(operator, given, endpoint ? 1 : parents.length)
    const expected = Object.fromEntries(
      [...parents[0]!.modules.values()].map(({ name: module, rows, columns }) => [
        module,
        operator.merge(
          {
            name: module,
            shape: [rows, columns],
            base: endpoint ? first![module]! : null,
            parents: (endpoint ? rest : deltas).map((delta) => delta[module]!),
          },
          values,
          7,
        ),
      ]),
    )
    expectDeltas(result.deltas, expected)
  })

  test.each(['linear', 'task_arithmetic', 'slerp', 'nuslerp', 'multislerp', 'karcher', 'model_stock'])(
    '%s is exact: the ranks add up',
    async (name) => {
      const two = [await open('one'), await open('two')]
      const result = await merge(name, two, { given: name === 'slerp' ? { t: 0.3 } : {} })
      expect(result.rank).toBe(6)
      expect(result.merged.every((part) => part.residual === 0)).toBe(true)
    },
  )

  test('others are cut back to the largest rank of a parent, and say how far off that is', async () => {
    const result = await merge('ties', await all(), { given: { density: 0.4 } })
    expect(result.rank).toBe(4)
    expect(result.merged.every((part) => part.residual! > 0.01 && part.residual! < 1)).toBe(true)
  })

  test('a base adapter is the origin', async () => {
    const [one, two, three] = (await all()) as [AdapterSet, AdapterSet, AdapterSet]
    // base + 2·(two − base) − 1·(three − base)
    const result = await merge('task_arithmetic', [two, three], { given: { weight: [2, -1] } }, one)
    expectDeltas(result.deltas, await plainSum([one, two, three], [0, 2, -1]))
    const along = await merge('slerp', [two], { given: { t: 0 } }, one)
    expectDeltas(along.deltas, await deltasOf(one))
  })

  test('the same seed gives the same bits, another one others', async () => {
    const parents = await all()
    const run = async (seed: number) => (await merge('dare_ties', parents, { given: { density: 0.5 }, seed })).deltas
    expect(await run(1)).toEqual(await run(1))
    expect(await run(1)).not.toEqual(await run(2))
  })
})

describe('what does not fit is refused by name', () => {
  const changed = (change: JsonObject) => open('one', { ...configOf('one'), ...change })
  const drop = async (name: string, without: string): Promise<AdapterSet> => {
    const adapter = await open(name)
    const modules = new Map([...adapter.modules].filter(([module]) => module !== without))
    return { ...adapter, modules }
  }

  test('another base model', async () => {
    const other = await changed({ base_model_name_or_path: 'example/three-linears' })
    await expect(merge('linear', [await open('two'), other])).rejects.toThrow(
      /two was trained on "example\/two-linears" and one on "example\/three-linears"/,
    )
    // A path to a folder of that name is taken for that model.
    await merge('linear', [await open('two'), await changed({ base_model_name_or_path: '/models/two-linears' })])
  })

  test('other target modules', async () => {
    await expect(merge('linear', [await open('two'), await drop('one', 'layers.1.up')])).rejects.toThrow(
      /one lacks the target module "layers.1.up" that two has/,
    )
    await expect(merge('linear', [await drop('one', 'layers.1.up'), await open('two')])).rejects.toThrow(
      /one lacks the target module "layers.1.up" that two has/,
    )
  })

  test('other shapes, told against each other and against the model', async () => {
    const one = await open('one')
    const module = one.modules.get('layers.0.up')!
    const wider = { ...one, modules: new Map(one.modules).set('layers.0.up', { ...module, columns: 7 }) }
    await expect(merge('linear', [await open('two'), wider])).rejects.toThrow(
      /"layers.0.up" changes a 9 × 6 matrix in two and one of 9 × 7 in one/,
    )
    const zeros = (shape: number[]) => encodeFloats(new Float32Array(shape[0]! * shape[1]!), 'F32')
    const model = async (shapes: Record<string, number[]>) => {
      const layout = layOutSafetensors(Object.entries(shapes).map(([name, shape]) => ({ name, dtype: 'F32', shape })))
      const bytes = [layout.header, ...layout.entries.map((entry) => zeros([...entry.shape]))]
      return openTensorSet('model', [createMemorySource('model', new Uint8Array(Buffer.concat(bytes)))])
    }
    const shapes = {
      'embed.weight': [11, 6],
      'layers.0.up.weight': [9, 6],
      'layers.0.down.weight': [6, 9],
      'layers.1.up.weight': [9, 6],
      'layers.1.down.weight': [6, 9],
    }
    await merge('linear', [one], { model: await model(shapes) })
    await expect(
      merge('linear', [one], { model: await model({ ...shapes, 'layers.0.up.weight': [6, 9] }) }),
    ).rejects.toThrow(/"layers.0.up" is \[6, 9\] in model, but one changes \[9, 6\]/)
    const { 'layers.1.down.weight': _, ...fewer } = shapes
    await expect(merge('linear', [one], { model: await model(fewer) })).rejects.toThrow(
      /one changes "layers.1.down", which model does not have/,
    )
  })

  test('ranks that the operator cannot join', async () => {
    await expect(merge('lora_linear', [await open('one'), await open('two')])).rejects.toThrow(/parents of one rank/)
    await expect(merge('lora_stack', [await open('one'), await open('two')], { rank: 4 })).rejects.toThrow(
      /keeps every rank: 6 here, not 4/,
    )
    await expect(merge('lora_svd', [await open('one')], { rank: 0 })).rejects.toThrow(/whole number from 1/)
  })

  test('too many or too few parents, or a base where there is none', async () => {
    const [one, two, three] = (await all()) as [AdapterSet, AdapterSet, AdapterSet]
    await expect(merge('slerp', [one, two, three], { given: { t: 0.5 } })).rejects.toThrow(
      /slerp takes 1 parent besides the first, which is its base, but 2 were given/,
    )
    await expect(merge('nuslerp', [one])).rejects.toThrow(/nuslerp takes 2 parents, but 1 were given/)
    await expect(merge('linear', [one], {}, two)).rejects.toThrow(/linear takes no base/)
  })

  test.each<[string, JsonObject, RegExp]>([
    ['another method', { peft_type: 'IA3' }, /peft_type is "IA3"/],
    ['DoRA', { use_dora: true }, /DoRA adapter/],
    ['a rank that the tensors do not have', { r: 3 }, /A of rank 2, B of rank 2, and adapter_config.json says 3/],
    ['no alpha', { lora_alpha: null }, /lora_alpha in adapter_config.json is null/],
    ['an expression as a pattern', { alpha_pattern: { '(a+)+$': 3 } }, /which is no plain name/],
  ])('%s', async (_name, change, message) => {
    await expect(changed(change)).rejects.toThrow(message)
  })
})
