// Training in a whole node with the built-in model: over a reload to a genome, into the chat, to a file and back, and merged.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { readZip } from '#core/genome/zip.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import type { GenerateRequest } from '../../../worker/node/api.ts'
import type { MergeRequest, TrainingRequest } from '../../../worker/node/lab-api.ts'
import type { Surroundings } from '../../../worker/node/surroundings.ts'
import { createMemoryBlobs } from '../../../worker/storage/memory-blobs.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { createRandom } from '../../worker/net/simulation.ts'
import { openGpu } from '../../gpu/support/gpu.ts'
import { createRoom, type TestNode, type TestRoom } from '../../gpu/node/room.ts'

// Nodes come and go on one GPU: compiling the kernels for each would take longer than the test.
let gpu: GpuContext
let room: TestRoom | null = null
beforeAll(async () => {
  gpu = await openGpu()
})
afterEach(() => {
  room?.close()
  room = null
})
afterAll(() => gpu.dispose())

let nodes = 0
/** What a tab finds when it is opened again, and another sequence of random bytes. */
function createPlace(): () => Partial<Surroundings> {
  const kept = { records: createMemoryRecords(), blobs: createMemoryBlobs() }
  const lent = Object.create(gpu, { dispose: { value: () => undefined } }) as GpuContext
  return () => ({ ...kept, openGpu: async () => lent, random: createRandom(100 + nodes++) })
}

const TEXT = 'Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse. '
const request = (over: Partial<TrainingRequest> = {}): TrainingRequest => ({
  modelId: 'toy',
  name: 'Ishmael',
  files: [new Blob([TEXT.repeat(4)])],
  names: ['moby.txt'],
  lora: {
    targets: ['attn_qkv', 'ffn_down'],
    rank: 4,
    alpha: 8,
    rankStabilised: false,
    dropout: 0.1,
    freezeA: false,
  },
  steps: 6,
  batchSize: 2,
  sequenceLength: 24,
  learningRate: 0.02,
  heldOutFraction: 0.2,
  seed: 7,
  licence: 'CC0-1.0',
  ...over,
})

let asked = 0
async function digestOf(node: TestNode, modelId = 'toy'): Promise<string> {
  const prompt: GenerateRequest['prompt'] = { text: 'Call me ' }
  const answer = {
    requestId: `t${++asked}`,
    modelId,
    prompt,
    maxTokens: 2,
    stopAtEnd: false,
    logits: 'digest' as const,
  }
  return (await node.api.generate(answer, () => undefined)).logitsDigests.join()
}

const runOf = (node: TestNode, id: string) => node.state().runs.find((run) => run.id === id)
async function finished(node: TestNode, id: string): Promise<string> {
  await node.until(() => ['finished', 'failed'].includes(runOf(node, id)?.status ?? ''), `the end of run ${id}`)
  const run = runOf(node, id)
  expect(run?.error).toBeNull()
  return run?.genomeId ?? ''
}

async function tensorsOf(node: TestNode, genomeId: string): Promise<string> {
  const { bytes } = await node.api.exportGenome(genomeId)
  const entries = await readZip('export', bytes, 1e9)
  return toHex(sha256(entries.find(({ name }) => name === 'adapter_model.safetensors')?.bytes ?? new Uint8Array()))
}

// The first one compiles the kernels, which a busy machine takes its time for.
test(
  'paused, closed, opened again and resumed, a run gives the bits of an unbroken one',
  { timeout: 120_000 },
  async () => {
    room = await createRoom()
    const place = createPlace()
    const first = await room.createNode(1, { surroundings: place() })
    const id = await first.api.startTraining(request())
    await first.until(() => (runOf(first, id)?.step ?? 0) >= 2, 'two steps')
    await first.api.pauseTraining(id)
    const before = runOf(first, id)
    expect(before).toMatchObject({ status: 'paused', gpuBytes: 0 })
    expect(before?.step).toBeLessThan(6)
    first.close()

    const second = await room.createNode(1, { surroundings: place() })
    expect(runOf(second, id)).toMatchObject({ status: 'paused', step: before?.step, losses: before?.losses })
    await second.api.resumeTraining(id)
    const broken = await finished(second, id)
    const unbroken = await finished(second, await second.api.startTraining(request()))
    expect(await tensorsOf(second, broken)).toBe(await tensorsOf(second, unbroken))
    const [one, two] = second.state().runs
    expect(one?.losses).toEqual(two?.losses)
    expect(one?.heldOutLosses).toEqual(two?.heldOutLosses)
    expect(one?.losses.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(one?.heldOutLosses.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6])
    const genome = second.state().genomes.find((other) => other.id === broken)
    const [start, end] = [one?.heldOutLosses[0]?.loss ?? NaN, one?.heldOutLosses.at(-1)?.loss ?? NaN]
    expect(end).toBeLessThan(start)
    expect(genome).toMatchObject({ name: 'Ishmael', modelId: 'toy', author: second.id, operator: 'train', rank: 4 })
    expect(genome?.training).toMatchObject({ steps: 6, heldOutLossBefore: start, heldOutLoss: end })
    // What it was trained on and from is no longer needed.
    expect((await place().blobs?.list())?.filter((name) => name.startsWith('run-'))).toEqual([])
  },
)

test('an adapter goes into the chat, over a reload, to a file and back, and into merges', async () => {
  room = await createRoom()
  const place = createPlace()
  const first = await room.createNode(2, { surroundings: place() })
  const lora = { ...request().lora, targets: ['attn_output' as const] }
  const short = { steps: 3, lora, heldOutFraction: 0 }
  const a = await finished(first, await first.api.startTraining(request(short)))
  const b = await finished(first, await first.api.startTraining(request({ ...short, name: 'Ahab', seed: 8 })))
  const base = await digestOf(first)
  await first.api.setAdapters('toy', [{ genomeId: a, weight: 1 }])
  const adapted = await digestOf(first)
  expect(adapted).not.toBe(base)
  expect(first.state().adapters).toEqual([{ genomeId: a, weight: 1 }])
  await first.api.setAdapters('toy', [])
  expect(await digestOf(first)).toBe(base)
  await first.api.setAdapters('toy', [{ genomeId: a, weight: 1 }])
  first.close()

  const node = await room.createNode(2, { surroundings: place() })
  expect(await digestOf(node)).toBe(adapted)
  expect(node.state().genomes.map(({ modelId }) => modelId)).toEqual(['toy', 'toy'])

  const { name, bytes } = await node.api.exportGenome(a)
  expect(name).toBe('Ishmael.zip')
  await node.api.removeGenome(a)
  expect(node.state().adapters).toEqual([])
  expect(await digestOf(node)).toBe(base)
  expect(await node.api.importGenome('toy', [new Blob([bytes])], [name])).toBe(a)
  await node.api.setAdapters('toy', [{ genomeId: a, weight: 1 }])
  expect(await digestOf(node)).toBe(adapted)

  for (const [operator, parameters] of [
    ['linear', { weight: [0.25, 0.75] }],
    ['ties', { density: 0.5 }],
  ] as const) {
    const merge: MergeRequest = {
      name: operator,
      operator,
      parents: [a, b],
      parameters,
      seed: 1,
      licence: 'CC0-1.0',
    }
    const preview = await node.api.previewMerge(merge)
    const [once, again] = [await node.api.mergeGenomes(merge), await node.api.mergeGenomes({ ...merge, name: 'again' })]
    expect(once).not.toBe(again)
    expect(await tensorsOf(node, once)).toBe(await tensorsOf(node, again))
    const merged = node.state().genomes.find(({ id }) => id === once)
    expect(merged).toMatchObject({ operator, parents: [a, b], rank: preview.rank, bytes: preview.genomeBytes })
    await node.api.setAdapters('toy', [{ genomeId: once, weight: 1 }])
    expect(await digestOf(node)).not.toBe(base)
  }
  expect(node.state().merge).toBeNull()
})

test('a model with adapters is placed in this tab alone, and over the room again without', async () => {
  room = await createRoom()
  const [node, helper] = [
    await room.createNode(3, { surroundings: createPlace()() }),
    await room.createNode(4, { surroundings: createPlace()() }),
  ]
  const lora = { ...request().lora, targets: ['attn_output' as const] }
  const genomeId = await finished(node, await node.api.startTraining(request({ steps: 2, lora, heldOutFraction: 0 })))
  const base = await digestOf(node)
  await helper.api.join(await node.api.share())
  const stages = (count: number) =>
    node.until(
      ({ placement }) =>
        placement?.stages.length === count && placement.stages.every(({ status }) => status === 'ready'),
      `${count} stages`,
    )
  await stages(2)
  await node.api.setAdapters('toy', [{ genomeId, weight: 1 }])
  await stages(1)
  const adapted = await digestOf(node)
  expect(adapted).not.toBe(base)
  await node.api.setAdapters('toy', [])
  await stages(2)
  expect(await digestOf(node)).toBe(base)
})

test('a private run spends its budget and no more', async () => {
  room = await createRoom()
  const node = await room.createNode(5, { surroundings: createPlace()() })
  const documents = Array.from({ length: 30 }, (_, i) => JSON.stringify({ text: `Whale number ${i}.` })).join('\n')
  const wanted = request({
    files: [new Blob([documents])],
    names: ['whales.jsonl'],
    lora: { ...request().lora, targets: ['attn_output'], freezeA: true },
    steps: 50,
    privacy: { noiseMultiplier: 2, clipNorm: 0.5, delta: 1e-3, budget: 0.3 },
  })
  const steps = (await node.api.previewTraining(wanted)).privacy?.affordableSteps ?? 0
  expect(steps).toBeGreaterThan(1)
  expect(steps).toBeLessThan(50)
  const id = await node.api.startTraining(wanted)
  const genomeId = await finished(node, id)
  const { epsilon = 0 } = runOf(node, id)?.privacy ?? {}
  expect(runOf(node, id)).toMatchObject({ step: steps, steps })
  expect(epsilon).toBeGreaterThan(0.2)
  expect(epsilon).toBeLessThanOrEqual(0.3)
  const genome = node.state().genomes.find((other) => other.id === genomeId)
  expect(genome).toMatchObject({ privacy: { delta: 1e-3 }, fitness: {} })
  expect(genome?.training?.heldOutLoss).toBeUndefined()
})

test('a run whose GPU is lost fails with what to do, and is still there after a reload', async () => {
  room = await createRoom()
  const place = createPlace()
  const { records, blobs } = place()
  const node = await room.createNode(6, { surroundings: { ...(records && { records }), ...(blobs && { blobs }) } })
  const id = await node.api.startTraining(request())
  await node.until(() => runOf(node, id)?.status === 'running', 'training')
  node.loseGpu()
  await node.until(() => runOf(node, id)?.status === 'failed', 'the loss')
  const error = { code: expect.stringMatching(/^GPU_/), message: expect.stringMatching(/Reload/) }
  expect(runOf(node, id)).toMatchObject({ error })
  await expect(node.api.startTraining(request())).rejects.toMatchObject(error)
  node.close()
  const later = await room.createNode(6, { surroundings: place() })
  expect(runOf(later, id)).toMatchObject({ status: 'failed', error })
  await later.api.resumeTraining(id)
  await later.until(() => (runOf(later, id)?.step ?? 0) > 0, 'a step')
  await later.api.pauseTraining(id)
})

test('refuses by name what cannot be trained on or chatted with', async () => {
  room = await createRoom()
  const node = await room.createNode(7, { surroundings: createPlace()() })
  await expect(
    node.api.startTraining(request({ files: [new Blob(['{"text": 1}'])], names: ['bad.jsonl'] })),
  ).rejects.toThrow(/bad\.jsonl, line 1/)
  await expect(node.api.startTraining(request({ modelId: 'none' }))).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' })
  await expect(node.api.setAdapters('none', [])).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' })
  const unknown = [{ genomeId: 'f'.repeat(64), weight: 1 }]
  await expect(node.api.setAdapters('toy', unknown)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  await expect(node.api.resumeTraining('none')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  expect(node.state()).toMatchObject({ runs: [], genomes: [], adapters: [], merge: null })
})
