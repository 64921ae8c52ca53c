// Training runs of a node with a trainer that only counts: turns, pauses, reloads, failures, ends, and what is refused.

import { beforeEach, describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { TrainingRequest } from '../../../worker/node/lab-api.ts'
import { createPlace, request, turnOfLoop, type Lab, type Place } from './lab-fixture.ts'

let place: Place
let lab: Lab
beforeEach(async () => {
  place = createPlace('llama-hf', 'gpt2-hf')
  lab = await place.open()
})

const runOf = (id: string, { runs }: Lab = lab) => runs.list().find((run) => run.id === id)
async function until(id: string, status: string, where: Lab = lab): Promise<void> {
  for (let turns = 0; runOf(id, where)?.status !== status; turns++) {
    if (turns > 2000) throw new Error(`the run is ${JSON.stringify(runOf(id, where))}, not ${status}`)
    await turnOfLoop()
  }
}

test('a run ends in a genome that says how it was made', async () => {
  const id = await lab.runs.begin(request())
  await until(id, 'running')
  await lab.trainer.advance(4)
  expect(runOf(id)).toMatchObject({ step: 4, steps: 6, tokensPerSecond: 10, gpuBytes: 1000, genomeId: null })
  await lab.trainer.advance(2)
  await until(id, 'finished')
  const run = runOf(id)
  expect(run).toMatchObject({ step: 6, gpuBytes: 0, secondsLeft: null, modelTitle: 'Tiny llama-hf', error: null })
  const [genome] = lab.genomes.list()
  expect(genome).toMatchObject({
    id: run?.genomeId,
    name: 'Ishmael',
    modelId: 'llama-hf',
    targets: ['attn_q'],
    operator: 'train',
    training: { steps: 6, tokens: 60, finalLoss: 1 / 6, heldOutLossBefore: 2, heldOutLoss: 1 / 6 },
    fitness: { 'own text': 1 / 6 },
    privacy: null,
    licence: 'CC0-1.0',
  })
  const { manifest } = lab.genomes.find(run?.genomeId ?? '')
  expect(manifest.training?.dataHash).toMatch(/^[0-9a-f]{64}$/)
  const { config } = await lab.models.open('llama-hf')
  const { modules } = await lab.genomes.readAdapter(run?.genomeId ?? '', config)
  expect(new Set([...modules.values()].flatMap(({ b }) => [...b]))).toEqual(new Set([6]))
  // The text and the checkpoints are gone, the run and its genome stay.
  expect((await place.blobs.list()).map((name) => name.split('-')[0])).toEqual(['genome'])
  const later = await place.open()
  expect(runOf(id, later)).toEqual(run)
  expect(later.genomes.list()).toEqual([genome])
  await later.runs.remove(id)
  expect((await place.open()).runs.list()).toEqual([])
})

test('one trains at a time; others wait paused and get their turn in order', async () => {
  const first = await lab.runs.begin(request({ name: 'first' }))
  const second = await lab.runs.begin(request({ name: 'second' }))
  const third = await lab.runs.begin(request({ name: 'third' }))
  await until(first, 'running')
  expect([second, third].map((id) => runOf(id)?.status)).toEqual(['paused', 'paused'])
  await lab.trainer.advance(1)
  await lab.runs.pause(second)
  await lab.runs.pause(first)
  expect(runOf(first)).toMatchObject({ status: 'paused', step: 1 })
  await until(third, 'running')
  await lab.runs.resume(first)
  await lab.trainer.advance(6)
  await until(third, 'finished')
  await until(first, 'running')
  await lab.trainer.advance(5)
  await until(first, 'finished')
  expect(lab.trainer.turns).toEqual([
    ['first', 0],
    ['third', 0],
    ['first', 1],
  ])
  expect(runOf(second)?.status).toBe('paused')
})

test('what was running when the tab went is paused at its last checkpoint', async () => {
  const id = await lab.runs.begin(request())
  await until(id, 'running')
  await lab.trainer.advance(5)
  lab.runs.close()
  await turnOfLoop()
  const later = await place.open()
  expect(runOf(id, later)).toMatchObject({
    status: 'paused',
    step: 4,
    losses: [1, 2, 3, 4].map((step) => ({ step, loss: 1 / step })),
  })
  await later.runs.resume(id)
  await until(id, 'running', later)
  expect(later.trainer.turns).toEqual([['Ishmael', 4]])
  await later.trainer.advance(2)
  await until(id, 'finished', later)
  expect((await place.open(2)).runs.list()).toEqual([])
})

test('a failure is told, kept and overcome', async () => {
  const id = await lab.runs.begin(request())
  await until(id, 'running')
  await lab.trainer.advance(3)
  lab.trainer.failure = new CentramError('GPU_LOST', 'The GPU was lost. Reload the page.')
  await lab.trainer.advance(1)
  await until(id, 'failed')
  const error = { code: 'GPU_LOST', message: 'The GPU was lost. Reload the page.' }
  expect(runOf(id)).toMatchObject({ error, gpuBytes: 0 })
  const later = await place.open()
  expect(runOf(id, later)).toMatchObject({ status: 'failed', error })
  await later.runs.resume(id)
  await until(id, 'running', later)
  expect(runOf(id, later)?.error).toBeNull()
  expect(later.trainer.turns).toEqual([['Ishmael', 2]])
  await later.runs.pause(id)
})

test('a full disk fails the run and leaves the checkpoint before', async () => {
  const id = await lab.runs.begin(request())
  await until(id, 'running')
  await lab.trainer.advance(3)
  place.blobs.fault = (operation) => {
    if (operation === 'write') throw new CentramError('STORAGE_FULL', 'There is no room left.')
  }
  await lab.trainer.advance(1)
  await until(id, 'failed')
  expect(runOf(id)?.error?.code).toBe('STORAGE_FULL')
  place.blobs.fault = undefined
  await lab.runs.resume(id)
  await until(id, 'running')
  expect(lab.trainer.turns.at(-1)).toEqual(['Ishmael', 2])
  await lab.runs.pause(id)
})

describe('ended early', () => {
  test('a running or a paused run keeps what it learned, or nothing', async () => {
    const id = await lab.runs.begin(request())
    await until(id, 'running')
    await lab.trainer.advance(3)
    const genomeId = await lab.runs.end(id, true)
    expect(runOf(id)).toMatchObject({ status: 'finished', genomeId, step: 3 })
    expect(lab.genomes.list()[0]).toMatchObject({ id: genomeId, training: { steps: 3, heldOutLoss: 1 / 3 } })
    expect(await lab.runs.end(id, true)).toBe(genomeId)

    const other = await lab.runs.begin(request())
    await until(other, 'running')
    await lab.trainer.advance(2)
    await lab.runs.pause(other)
    expect(await lab.runs.end(other, false)).toBeNull()
    expect(runOf(other)).toMatchObject({ status: 'finished', genomeId: null })
    expect(lab.genomes.list()).toHaveLength(1)
    await expect(lab.runs.resume(other)).rejects.toThrow(/has ended/)
  })

  test('a run that learned nothing cannot be kept, and one that has not ended cannot be removed', async () => {
    const id = await lab.runs.begin(request())
    await until(id, 'running')
    await expect(lab.runs.end(id, true)).rejects.toThrow(/has learned nothing yet/)
    expect(runOf(id)?.status).toBe('paused')
    await expect(lab.runs.remove(id)).rejects.toThrow(/has not ended/)
  })
})

const PRIVACY = { noiseMultiplier: 1, clipNorm: 1, delta: 1e-3, budget: 1 }
const DOCUMENTS = Array.from({ length: 100 }, (_, i) =>
  JSON.stringify({ text: `Document number ${i} is about ${i * i}.` }),
)
const privately = (over: Partial<TrainingRequest> = {}) =>
  request({ files: [new Blob([DOCUMENTS.join('\n')])], names: ['many.jsonl'], privacy: PRIVACY, steps: 1000, ...over })

test('a private run ends with its budget and publishes nothing that noise does not cover', async () => {
  const preview = await lab.runs.preview(privately())
  // A tenth of the documents is held out.
  expect(preview).toMatchObject({ documents: 100, sequences: 90, privacy: { sampleRate: 2 / 90 } })
  const steps = preview.privacy?.affordableSteps ?? 0
  expect(steps).toBeGreaterThan(1)
  expect(steps).toBeLessThan(1000)
  const id = await lab.runs.begin(privately())
  await until(id, 'running')
  expect(runOf(id)).toMatchObject({ steps, privacy: { delta: 1e-3, budget: 1 } })
  await lab.trainer.advance(steps)
  await until(id, 'finished')
  const { manifest } = lab.genomes.find(runOf(id)?.genomeId ?? '')
  expect(manifest.privacy).toMatchObject({ sampling: 'poisson', steps, sampleRate: 2 / 90, noiseMultiplier: 1 })
  expect(manifest.privacy?.epsilonRdp).toBeLessThanOrEqual(1)
  expect(manifest.privacy?.epsilonPld).toBeLessThan(manifest.privacy?.epsilonRdp ?? 0)
  expect(manifest.fitness).toEqual({})
  expect(Object.keys(manifest.training ?? {}).sort()).toEqual([
    'batchSize',
    'learningRate',
    'sequenceLength',
    'steps',
    'tokens',
  ])
  expect(manifest.training?.tokens).toBe(steps * 2 * 32)
})

test('a preview says what a run would learn from and cost', async () => {
  const lora = { ...request().lora, rank: 4 }
  const preview = await lab.runs.preview(request({ lora }))
  const { width, layers } = (await lab.models.open('llama-hf')).config
  expect(preview).toMatchObject({ documents: 1, trainableParameters: layers * 4 * (width + width), privacy: null })
  expect(preview.trainTokens).toBeGreaterThan(preview.heldOutTokens * 5)
  expect(preview.genomeBytes).toBeGreaterThan(preview.trainableParameters * 4)
  const halved = await lab.runs.preview(request({ lora: { ...lora, freezeA: true } }))
  expect(halved.trainableParameters).toBe(preview.trainableParameters / 2)
  expect(lab.runs.list()).toEqual([])
})

describe('refuses by name and keeps nothing of', () => {
  const chat = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'
  test.each<[string, Partial<TrainingRequest>, RegExp]>([
    ['a malformed line', { files: [new Blob([`${chat}\n{oops\n`])], names: ['talk.jsonl'] }, /talk\.jsonl, line 2/],
    ['another kind of file', { names: ['moby.pdf'] }, /moby\.pdf.*only \.txt/],
    ['no file', { files: [], names: [] }, /Choose a text/],
    ['an empty file', { files: [new Blob([' \n'])] }, /no text/],
    ['a model that is not here', { modelId: 'nothing' }, /no model "nothing"/],
    ['linears of another family', { modelId: 'gpt2-hf' }, /gpt2 model has no "attn_q"/],
    ['too large a rank', { lora: { ...request().lora, rank: 500 } }, /rank 500 is not between 1 and/],
    ['sequences beyond the context', { sequenceLength: 100_000 }, /longer than the model's context/],
    ['half a step', { steps: 2.5 }, /2\.5 steps/],
    ['all the text held out', { heldOutFraction: 1 }, /not between 0 and 1/],
    ['a genome without a name', { name: ' ' }, /Give the genome a name/],
    ['a genome without a licence', { licence: '' }, /Give a licence/],
    ['a budget below one step', { privacy: { ...PRIVACY, delta: 1e-3, budget: 1e-6 } }, /does not allow a single step/],
    [
      'a delta that promises nothing',
      { ...privately({ privacy: { ...PRIVACY, delta: 0.5 } }) },
      /delta of 0\.5 is too large/,
    ],
    ['no noise', { privacy: { ...PRIVACY, noiseMultiplier: 0 } }, /both must be positive/],
  ])('%s', async (_what, over, message) => {
    await expect(lab.runs.begin(request(over))).rejects.toThrow(message)
    await expect(lab.runs.preview(request(over))).rejects.toThrow(message)
    expect(lab.runs.list()).toEqual([])
    expect(await place.blobs.list()).toEqual([])
  })

  test('a run that is not there', async () => {
    await expect(lab.runs.pause('0123')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })
})
