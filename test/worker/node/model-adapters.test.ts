// Which genomes a model answers with: kept over reloads, each node's own, and checked.

import { beforeEach, expect, test } from 'vitest'
import { createModelAdapters, type ModelAdapters } from '../../../worker/node/model-adapters.ts'
import { addGenome, createPlace, type Lab, type Place } from './lab-fixture.ts'

let place: Place
let lab: Lab
let id: string
const open = async (self = 'me', genomes = lab.genomes): Promise<ModelAdapters> => {
  const adapters = createModelAdapters(genomes, place.records, self)
  await adapters.start()
  return adapters
}
beforeEach(async () => {
  place = createPlace('llama-hf', 'qwen2-hf')
  lab = await place.open()
  id = await addGenome(lab, 'Poems', 1)
})

test('is remembered by model and by node, and read as adapters', async () => {
  const other = await addGenome(lab, 'Prose', 2)
  const adapters = await open()
  await adapters.choose('llama-hf', [
    { genomeId: id, weight: 0.5 },
    { genomeId: other, weight: -1 },
  ])
  const later = await open()
  expect(later.chosen('llama-hf')).toEqual([
    { genomeId: id, weight: 0.5 },
    { genomeId: other, weight: -1 },
  ])
  expect(later.chosen('qwen2-hf')).toEqual([])
  expect(later.usersOf(id)).toEqual(['llama-hf'])
  expect((await open('another')).chosen('llama-hf')).toEqual([])
  const model = await lab.models.open('llama-hf')
  const read = await later.read(model, later.chosen('llama-hf'))
  expect(read.map(({ weight }) => weight)).toEqual([0.5, -1])
  expect(read[0]?.adapter).toEqual(await lab.genomes.readAdapter(id, model.config))
  await later.choose('llama-hf', [])
  expect((await open()).chosen('llama-hf')).toEqual([])
})

test('a genome that another tab removed is no longer chosen', async () => {
  await (await open()).choose('llama-hf', [{ genomeId: id, weight: 1 }])
  await lab.genomes.remove(id)
  const reloaded = await place.open()
  expect((await open('me', reloaded.genomes)).chosen('llama-hf')).toEqual([])
})

test('refuses what cannot be', async () => {
  const adapters = await open()
  const one = { genomeId: id, weight: 1 }
  await expect(adapters.choose('llama-hf', [{ ...one, genomeId: 'f'.repeat(64) }])).rejects.toThrow(/no genome ffff/)
  await expect(adapters.choose('llama-hf', [{ ...one, weight: NaN }])).rejects.toThrow(/NaN is no weight/)
  await expect(adapters.choose('llama-hf', [one, one])).rejects.toThrow(/twice/)
  expect(adapters.chosen('llama-hf')).toEqual([])
  await expect(adapters.read(await lab.models.open('qwen2-hf'), [one])).rejects.toMatchObject({
    code: 'MODEL_MISMATCH',
    message: expect.stringContaining('"Poems"'),
  })
})
