// Layer 6: ancestors by content hash, and copies that do not name whom they copy.

import { describe, expect, test } from 'vitest'
import { walkAncestry } from '#core/gate/ancestry.ts'
import { lineage } from '#core/gate/lineage.ts'
import type { GateContext, KnownAdapter, KnownGenome } from '#core/gate/layer.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import type { GenomeManifest } from '#core/genome/manifest.ts'
import {
  arrivalOf,
  BASE,
  contextWith,
  judge,
  knownAdapter,
  makeGenome,
  MINUTE,
  NOW,
  trainedAdapter,
} from './arrivals.ts'
import { changed, flipped, merged, noisy, rescaled, shuffled, spliced, turned } from './copies.ts'

const { manifest: TEMPLATE } = (await makeGenome()).genome

/** Manifests by invented ids: whoever forges them can say anything. */
function graph(
  parents: Readonly<Record<string, readonly string[]>>,
  changes: Record<string, Partial<GenomeManifest>> = {},
) {
  const manifests = new Map(
    Object.entries(parents).map(([id, ids]): [string, GenomeManifest] => [
      id,
      { ...TEMPLATE, parents: [...ids], ...changes[id] },
    ]),
  )
  const find = (id: string): KnownGenome | null => {
    const manifest = manifests.get(id)
    return manifest ? { id, manifest } : null
  }
  const walk = (id: string) =>
    walkAncestry(id, manifests.get(id) ?? TEMPLATE, find, DEFAULT_RULES.lineage, DEFAULT_RULES.clockSkewMs)
  return { find, walk }
}

const chain = (length: number) =>
  graph(Object.fromEntries(Array.from({ length }, (_, i) => [`${i}`, i === 0 ? [] : [`${i - 1}`]])))

describe('ancestors', () => {
  test('are counted along the longest way', () => {
    const { walk } = graph({ a: [], b: ['a'], c: ['b'], d: ['c', 'a', 'b'] })
    expect(walk('a')).toEqual({ ancestors: new Set(), depth: 0 })
    expect(walk('d')).toEqual({ ancestors: new Set(['a', 'b', 'c']), depth: 3 })
  })

  test('may be 64 deep, and no more, also by a way found late', () => {
    expect(chain(65).walk('64')).toMatchObject({ depth: 64 })
    expect(chain(66).walk('65')).toMatchObject({ code: 'TOO_DEEP' })
    const parents = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`${i}`, i === 0 ? [] : [`${i - 1}`]]))
    // First met by a short way, which leaves no trace of how deep it lies by the long one.
    expect(graph({ ...parents, top: ['40', '64'] }).walk('top')).toMatchObject({ code: 'TOO_DEEP' })
    expect(graph({ ...parents, top: ['40', '63'] }).walk('top')).toMatchObject({ depth: 64 })
  })

  test('are eight at most to each, and all known', () => {
    const nine = Array.from({ length: 9 }, (_, i) => `p${i}`)
    const all = Object.fromEntries(nine.map((id) => [id, []]))
    expect(graph({ ...all, top: nine }).walk('top')).toEqual({ code: 'TOO_MANY_PARENTS', genome: 'top' })
    expect(graph({ ...all, top: nine.slice(1) }).walk('top')).toMatchObject({ depth: 1 })
    expect(graph({ top: ['middle'], middle: ['lost'] }).walk('top')).toEqual({ code: 'PARENT_UNKNOWN', genome: 'lost' })
  })

  test('are nobody’s own descendants', () => {
    expect(graph({ a: ['a'] }).walk('a')).toEqual({ code: 'CYCLE', genome: 'a' })
    expect(graph({ a: ['b'], b: ['c'], c: ['b'] }).walk('a')).toEqual({ code: 'CYCLE', genome: 'b' })
  })

  test('change the same model, and are older', () => {
    const parents = { a: [], b: ['a'], c: ['b', 'a'] }
    const other = { base: { ...TEMPLATE.base, hash: 'b'.repeat(64) } }
    expect(graph(parents, { a: other }).walk('c')).toEqual({ code: 'PARENT_UNFIT', genome: 'a' })
    expect(graph(parents, { a: { createdAt: NOW + 60 * MINUTE } }).walk('b')).toEqual({
      code: 'PARENT_UNFIT',
      genome: 'a',
    })
    // Two clocks may differ a little.
    expect(graph(parents, { a: { createdAt: NOW + 2 * MINUTE } }).walk('c')).toMatchObject({ depth: 2 })
  })

  test('are not walked for ever', () => {
    const layers = Array.from({ length: 60 }, (_, depth) => Array.from({ length: 8 }, (__, i) => `${depth}/${i}`))
    const wide = Object.fromEntries(layers.flatMap((ids, depth) => ids.map((id) => [id, layers[depth - 1] ?? []])))
    // 8^60 ways, 480 genomes.
    expect(graph({ ...wide, top: layers[59] ?? [] }).walk('top')).toMatchObject({ depth: 60 })
    const endless = { find: (id: string) => ({ id, manifest: { ...TEMPLATE, parents: [`${id}x`, `${id}y`] } }) }
    const { lineage: rules, clockSkewMs } = DEFAULT_RULES
    expect(walkAncestry('a', { ...TEMPLATE, parents: ['b'] }, endless.find, rules, clockSkewMs)).toMatchObject({
      code: 'TOO_DEEP',
    })
    const bushy = {
      find: (id: string) => ({
        id,
        manifest: {
          ...TEMPLATE,
          parents: id.length < 8 ? ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((c) => id + c) : [],
        },
      }),
    }
    expect(walkAncestry('', { ...TEMPLATE, parents: ['a'] }, bushy.find, rules, clockSkewMs)).toMatchObject({
      code: 'TOO_DEEP',
    })
  })
})

/** A genome and its adapter as others know them. */
async function known(adapter: Adapter, changes: Partial<GenomeManifest> = {}): Promise<KnownAdapter> {
  return knownAdapter(await makeGenome({ name: `${adapter.lora.alpha}`, ...changes }, { adapter }), adapter)
}

async function judgeAdapter(
  adapter: Adapter,
  adapters: readonly KnownAdapter[],
  manifest: Partial<GenomeManifest> = {},
  generation = 0,
) {
  const findGenome: GateContext['findGenome'] = (id) => adapters.find((each) => each.id === id) ?? null
  const arrival = arrivalOf(await makeGenome(manifest, { adapter }), { summary: { generation } })
  return judge(lineage, arrival, contextWith({ adapters, findGenome }))
}

const victim = trainedAdapter(7)
const [other, third] = [trainedAdapter(8), trainedAdapter(9)]
const victims = [await known(victim), await known(other, { name: 'other' }), await known(third, { name: 'third' })]

describe('copies', () => {
  test('work of one’s own is nobody’s copy', async () => {
    expect(await judgeAdapter(trainedAdapter(10), victims)).toMatchObject({
      outcome: 'passed',
      figures: { compared: 3 },
    })
  })

  test.each<[string, Adapter, string?]>([
    ['as it is', victim],
    ['scaled', rescaled(victim, 0.1)],
    ['with its sign flipped', flipped(victim)],
    ['each module scaled and flipped otherwise', rescaled(victim, 1, true)],
    ['with its ranks in another order', shuffled(victim)],
    ['with its factors turned against each other', turned(victim, 3)],
    ['turned, scaled and flipped', flipped(rescaled(turned(victim, 4), 3))],
    ['with noise of a third of its own strength', noisy(victim, 0.33, 5)],
    ['at a higher rank, padded', changed(victim, 6)],
    ['half of its modules, the rest made up', spliced(victim, trainedAdapter(11))],
    ['added to another one', merged([victim, other], [0.5, 0.5]), 'UNNAMED_PARENTS'],
    ['in a merge of three', merged([victim, other, third], [0.4, 0.3, 0.3]), 'UNNAMED_PARENTS'],
    ['in parts of several', spliced(victim, other)],
  ])('%s', async (_, adapter, code = 'NEAR_COPY') => {
    expect(await judgeAdapter(adapter, victims)).toMatchObject({ outcome: 'refused', code })
  })

  test('noise as strong as the work itself hides it, and half of its use', async () => {
    expect(await judgeAdapter(noisy(victim, 1, 5), victims)).toMatchObject({ outcome: 'passed' })
  })

  test('whoever names its parents copies nobody', async () => {
    const parents = victims.slice(0, 2).map(({ id }) => id)
    const child = merged([victim, other], [0.5, 0.5])
    expect(await judgeAdapter(child, victims, { parents, operator: 'linear' }, 1)).toMatchObject({ outcome: 'passed' })
    // One of two named: what the other gave is found beside it.
    expect(await judgeAdapter(child, victims, { parents: parents.slice(0, 1) }, 1)).toMatchObject({ code: 'NEAR_COPY' })
  })

  test('two children of the same parents are no thieves, whether their parents’ tensors are here or not', async () => {
    const parents = victims.slice(0, 2).map(({ id }) => id)
    const child = merged([victim, other], [0.5, 0.5])
    const sibling = await known(child, { parents, operator: 'linear' })
    expect(await judgeAdapter(child, [...victims, sibling], { parents, operator: 'ties' }, 1)).toMatchObject({
      outcome: 'passed',
    })
    const findGenome: GateContext['findGenome'] = (id) => [...victims, sibling].find((each) => each.id === id) ?? null
    const arrival = arrivalOf(await makeGenome({ parents, operator: 'ties' }, { adapter: child }), {
      summary: { generation: 1 },
    })
    expect(await judge(lineage, arrival, contextWith({ adapters: [sibling], findGenome }))).toMatchObject({
      outcome: 'passed',
    })
  })

  test('a parent that comes after its child is no copy of it', async () => {
    const parent = await makeGenome({ name: 'late' }, { adapter: victim })
    const child = await known(noisy(victim, 0.1, 5), { parents: [parent.genome.id] })
    expect(await judge(lineage, arrivalOf(parent), contextWith({ adapters: [child] }))).toMatchObject({
      outcome: 'passed',
    })
  })
})

test('what cannot be read, or is no number, neither hides a copy nor stops a judgement', async () => {
  const broken = (name: string, updates: KnownAdapter['updates']) =>
    makeGenome({ name }).then(({ genome: { id, manifest } }): KnownAdapter => ({ id, manifest, updates }))
  const unread = await broken('unread', () => Promise.reject(new Error('it is no file')))
  const poison = trainedAdapter(13)
  for (const { b } of poison.modules.values()) b.fill(NaN)
  const adapters = [unread, knownAdapter(await makeGenome({ name: 'poison' }), poison), ...victims]
  expect(await judgeAdapter(trainedAdapter(10), adapters)).toMatchObject({ outcome: 'passed' })
  expect(await judgeAdapter(victim, adapters)).toMatchObject({ code: 'NEAR_COPY' })
  const parents = adapters.slice(0, 2).map(({ id }) => id)
  expect(await judgeAdapter(victim, adapters, { parents }, 1)).toMatchObject({ code: 'NEAR_COPY' })
})

test('the generation announced is the one that follows from the parents', async () => {
  const parents = [victims[0]?.id ?? '']
  expect(await judgeAdapter(victim, victims, { parents }, 0)).toMatchObject({ code: 'GENERATION_FALSE' })
  expect(await judgeAdapter(victim, victims, { parents }, 1)).toMatchObject({ outcome: 'passed' })
  expect(await judgeAdapter(trainedAdapter(12), victims, { parents: ['c'.repeat(64)] }, 1)).toMatchObject({
    code: 'PARENT_UNKNOWN',
    genomes: ['c'.repeat(64)],
  })
  expect(BASE).toBe(TEMPLATE.base.hash)
})
