// The gate as a whole: order, first refusal, what a failing layer means, costs, and what an arrival leaves behind.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { judgeArrival } from '#core/gate/gate.ts'
import { LAYER_NAMES, passed, refused, type GateLayer } from '#core/gate/layer.ts'
import { GATE_LAYERS } from '#core/gate/layers.ts'
import { GATE_VERDICT } from '#core/protocol/messages/gate.ts'
import { encodeObject } from '#core/protocol/signed-object.ts'
import { arrivalOf, AUTHOR, bytesOf, contextWith, keyOf, knownAdapter, makeGenome, trainedAdapter } from './arrivals.ts'

test('there are ten layers, in their order', () => {
  expect(GATE_LAYERS.map(({ name }) => name)).toEqual(LAYER_NAMES)
})

test('the page that describes them names each, in this order', () => {
  const page = readFileSync(new URL('../../../docs/gate.md', import.meta.url), 'utf8')
  expect([...page.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, number, name]) => `${number} ${name}`)).toEqual(
    LAYER_NAMES.map((name, i) => `${i + 1} ${name}`),
  )
  expect(
    [...page.matchAll(/^### (\d+) (\w+)$/gm)].map(([, number, name]) => `${number} ${name?.toLowerCase()}`),
  ).toEqual(LAYER_NAMES.map((name, i) => `${i + 1} ${name}`))
})

test('an honest genome is refused by none, and what could not run is not passed', async () => {
  const made = await makeGenome()
  const judgement = await judgeArrival(arrivalOf(made), contextWith())
  expect(judgement.layers.map(({ finding }) => finding.outcome)).toEqual([
    ...Array<string>(7).fill('passed'),
    ...Array<string>(3).fill('not-run'),
  ])
  expect(judgement.outcome).toBe('incomplete')
  expect(judgement.genome).toBe(made.genome.id)
})

test('only what all ten passed is accepted', async () => {
  const layers = LAYER_NAMES.map((name): GateLayer => ({ name, judge: () => passed('fine') }))
  expect((await judgeArrival(arrivalOf(await makeGenome()), contextWith(), layers)).outcome).toBe('accepted')
})

test('the first refusal ends it, and every layer has its cost', async () => {
  const asked: string[] = []
  const layers = LAYER_NAMES.map((name): GateLayer => ({
    name,
    judge() {
      asked.push(name)
      return name === 'freshness' ? refused('REPLAYED', 'again') : passed('fine')
    },
  }))
  const { outcome, layers: reports } = await judgeArrival(arrivalOf(await makeGenome()), contextWith(), layers)
  expect(outcome).toBe('refused')
  expect(asked).toEqual(['admission', 'identity', 'freshness'])
  expect(reports.slice(3).map(({ finding }) => finding.code)).toEqual(Array<string>(7).fill('NOT_REACHED'))
  expect(reports.map(({ cost }) => cost)).toEqual(Array<number>(10).fill(1))
})

test('a layer that fails refuses', async () => {
  const broken: GateLayer = {
    name: 'admission',
    judge: () => {
      throw new TypeError('out of order')
    },
  }
  const { outcome, layers } = await judgeArrival(arrivalOf(await makeGenome()), contextWith(), [broken])
  expect(outcome).toBe('refused')
  expect(layers[0]?.finding).toMatchObject({ outcome: 'refused', code: 'INTERNAL' })
})

test('its findings fit a verdict', async () => {
  const made = await makeGenome()
  const { layers } = await judgeArrival(arrivalOf(made, { tensors: new Uint8Array(3) }), contextWith())
  const codes = layers.map(({ finding: { outcome, code } }) => ({ outcome, code }))
  const verdict = {
    genome: bytesOf(made.genome.id),
    judge: AUTHOR.publicKey,
    version: 1,
    accepted: false,
    codes,
    at: 0,
  }
  expect(() => encodeObject(GATE_VERDICT, verdict)).not.toThrow()
})

test('an arrival costs its sender, and is a replay the second time it is decided', async () => {
  const arrival = arrivalOf(await makeGenome(), { tensors: new Uint8Array(20) })
  const first = await judgeArrival(arrival, contextWith())
  expect(first.outcome).toBe('refused')
  expect(first.records.quota.keys.get(keyOf(AUTHOR))?.genomes).toBe(1)
  // Refused before it could be told when it was made: nothing of it is remembered but that it came.
  expect(first.records.freshness.size).toBe(0)

  const good = arrivalOf(await makeGenome())
  const undecided = await judgeArrival(good, contextWith())
  expect((await judgeArrival(good, contextWith({ records: undecided.records }))).outcome).toBe('incomplete')
  const decided = undecided.records.freshness.get(undecided.genome ?? '')
  if (!decided) throw new Error('nothing was remembered')
  const freshness = new Map([[undecided.genome ?? '', { ...decided, decided: true }]])
  const records = { ...undecided.records, freshness }
  const second = await judgeArrival(good, contextWith({ records }))
  expect(second.layers[2]?.finding.code).toBe('REPLAYED')
  expect((await judgeArrival({ ...good, again: true }, contextWith({ records }))).outcome).toBe('incomplete')
})

test('one poisoned adapter among the others changes no judgement', async () => {
  const cohort = await Promise.all(
    [1, 2, 3, 4, 5].map(async (seed) => {
      const adapter = trainedAdapter(40 + seed)
      return knownAdapter(await makeGenome({ name: `${seed}` }, { adapter }), adapter)
    }),
  )
  const poison = trainedAdapter(50)
  for (const { a } of poison.modules.values()) a.fill(NaN)
  const bad = knownAdapter(await makeGenome({ name: 'poison' }), poison)
  const findings = async (others: typeof cohort) => {
    const context = contextWith({ cohort: others, adapters: others })
    const { layers } = await judgeArrival(arrivalOf(await makeGenome()), context)
    return layers.map(({ name, finding }) => ({ name, ...finding }))
  }
  const [poisoned, without] = [await findings([bad, ...cohort]), await findings(cohort)]
  expect(poisoned.filter(({ name }) => name !== 'lineage')).toEqual(without.filter(({ name }) => name !== 'lineage'))
  expect(poisoned.map(({ code }) => code)).toEqual(without.map(({ code }) => code))
  expect(poisoned[7]).toMatchObject({ name: 'statistics', outcome: 'passed' })
})
