import { describe, expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { decodeCheckpoint, encodeCheckpoint } from '#core/training/checkpoint.ts'
import { joinSequences } from '#core/training/micro-batches.ts'
import { prepareTrainingData } from '#core/training/training-data.ts'
import { DEFAULT_PLAN, checkTrainingPlan } from '#core/training/training-plan.ts'
import { openFixture } from '../../worker/model/open-fixture.ts'

const tokenizer = createTokenizer({ kind: 'bytes' })
const files = [
  { name: 'whale.txt', bytes: utf8('Call me Ishmael. '.repeat(40)) },
  {
    name: 'talk.jsonl',
    bytes: utf8('{"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Me, the whale."}]}\n'),
  },
]
const OPTIONS = { sequenceLength: 64, heldOutFraction: 0.1, seed: 3 }

describe('training data', () => {
  test('comes packed, split and counted from files', async () => {
    const model = await openFixture('gpt2-hf')
    const data = prepareTrainingData(files, tokenizer, model, OPTIONS)
    expect(data.documents).toBe(2)
    expect(data.train.every(({ tokens }) => tokens.length <= 64)).toBe(true)
    expect(data.trainTokens).toBe(data.train.reduce((sum, { counted }) => sum + counted, 0))
    expect(data.heldOutTokens).toBe(67)
    expect(prepareTrainingData(files, tokenizer, model, OPTIONS)).toEqual(data)
    expect(prepareTrainingData([...files].reverse(), tokenizer, model, OPTIONS).hash).not.toBe(data.hash)
    expect(() => prepareTrainingData(files, tokenizer, model, { ...OPTIONS, sequenceLength: 10_000 })).toThrow(
      /context/,
    )
  })

  test('for private training is one sequence a document', async () => {
    const model = await openFixture('gpt2-hf')
    const data = prepareTrainingData(files, tokenizer, model, { ...OPTIONS, heldOutFraction: 0, oneDocumentEach: true })
    expect(data.train.map(({ tokens, starts }) => [tokens.length, new Set(starts).size])).toEqual([
      [64, 1],
      [36, 1],
    ])
  })
})

test('sequences join into passes with positions of their documents', () => {
  const sequence = (length: number, start = 0) => ({
    tokens: new Uint32Array(length).fill(length),
    targets: new Uint32Array(length),
    starts: Uint32Array.from({ length }, (_, i) => (i < start ? 0 : start)),
    counted: length,
  })
  const micros = joinSequences([sequence(3, 2), sequence(2), sequence(4)], 6)
  expect(micros.map(({ starts, positions, counted }) => [[...starts], [...positions], counted])).toEqual([
    [[0, 0, 2, 3, 3], [0, 1, 0, 0, 1], 5],
    [[0, 0, 0, 0], [0, 1, 2, 3], 4],
  ])
  expect(() => joinSequences([sequence(7)], 6)).toThrow(/does not fit/)
})

describe('a checkpoint', () => {
  const values = Float32Array.of(1.5, -0, 3e-40)
  const checkpoint = {
    step: 12,
    run: 'abc',
    parameters: new Map([
      ['blk.0.attn_q.lora_b:1', { values, firstMoment: values, secondMoment: Float32Array.of(0, 1, 2) }],
    ]),
  }

  test('reads back bit for bit', async () => {
    expect(await decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
  })

  test('is whole or nothing', async () => {
    const bytes = encodeCheckpoint(checkpoint)
    for (const length of [0, 9, 60, bytes.length - 1]) {
      await expect(decodeCheckpoint(bytes.slice(0, length))).rejects.toMatchObject({
        code: expect.stringMatching(/^FORMAT_/) as string,
      })
    }
  })
})

test.each([
  [{ batchSize: 0 }, /a batch of 0/],
  [{ schedule: { ...DEFAULT_PLAN.schedule, peak: 2 } }, /learning rate from 2/],
  [{ schedule: { ...DEFAULT_PLAN.schedule, warmUpSteps: 1000 } }, /warm-up of 1000/],
  [{ clipNorm: NaN }, /norm of NaN/],
])('a plan with %j is refused', (change, message) => {
  expect(() => checkTrainingPlan({ ...DEFAULT_PLAN, ...change })).toThrow(message)
  checkTrainingPlan(DEFAULT_PLAN)
})
