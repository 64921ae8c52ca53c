// SmolLM2-135M-Instruct, a real model in its usual file, against llama.cpp in the same browser.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import type { Shard, ShardSession } from '../../../worker/model/shard.ts'
import { expectSameBits, loadWhole, openGpu, runShards, stepTokens, wholeOf } from '../../gpu/model/fixture.ts'
import { expandGguf } from './expand-gguf.ts'
import { runLlamaCpp, type ReferenceStep } from './llama-cpp.ts'
import { openRangeSource, type CountedSource } from './range-source.ts'

const URL = '/.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf'
/** Raw text and a chat turn, with some choices that are near-ties. */
const PROMPTS = [
  'Once upon a time, in a village by the sea,',
  '<|im_start|>user\nExplain what gravity is.<|im_end|>\n<|im_start|>assistant\n',
]
const REFRAIN =
  'The old fisherman walked slowly down to the harbour, where his boat was waiting. He looked at the grey sky and ' +
  'sighed, because he knew that the storm would come before the evening. '
/**
 * Texts each of whose choices is clear by nearly 1. Where weights are quantised, llama.cpp rounds activations to eight bits,
 * which moves its logits by some tenths: on other texts its own close calls fall either way.
 */
const CLEAR_PROMPTS = [`${REFRAIN.repeat(3)}The old`, '1, 2, 3, 4, 5, 6, 7, 8, 9, 10,']
const STEPS = 12
/** Where two logits lie closer, either token is right. */
const TIE = 1e-3

let gpu: GpuContext
let source: CountedSource
let model: OpenedModel
let shard: Shard

beforeAll(async () => {
  gpu = await openGpu()
  source = await openRangeSource(URL)
  model = await openModel([source])
  shard = await loadWhole(gpu, model)
})
afterAll(() => {
  shard?.dispose()
  gpu?.dispose()
})

test('loads by ranges, never much at a time', () => {
  expect(source.largestRead).toBeLessThanOrEqual(8 * 2 ** 20)
  expect(source.totalRead).toBeLessThan(source.size * 1.1)
})

/** Our logits for the prompt and then after each of the reference's tokens but the last. */
async function* follow(session: ShardSession, prompt: readonly number[], steps: readonly ReferenceStep[]) {
  let { logits } = await stepTokens(session, prompt, 'prefill', 'logits')
  for (const [index, step] of steps.entries()) {
    yield { index, step, logits }
    if (index < steps.length - 1) logits = (await stepTokens(session, [step.token], 'decode', 'logits')).logits
  }
}

function expectSameChoice(logits: Float32Array, step: ReferenceStep, where: string): void {
  let best = 0
  for (const [id, logit] of logits.entries()) if (logit > (logits[best] ?? 0)) best = id
  const gap = (logits[best] ?? 0) - (logits[step.token] ?? 0)
  expect(gap, `${where}: llama.cpp says ${step.token}, we say ${best}, ${gap} above it`).toBeLessThanOrEqual(TIE)
}

function logSumExp(logits: Float32Array): number {
  let most = -Infinity
  for (const logit of logits) most = Math.max(most, logit)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - most)
  return most + Math.log(sum)
}

describe('against llama.cpp', () => {
  test('on the file as it is: the same greedy tokens', async () => {
    const tokenizer = createTokenizer(model.tokenizer)
    const answers = await runLlamaCpp(await (await fetch(URL)).blob(), CLEAR_PROMPTS, { steps: STEPS, candidates: 1 })
    for (const [which, steps] of answers.entries()) {
      expect(steps).toHaveLength(STEPS)
      const session = await shard.openSession(256)
      for await (const { index, step, logits } of follow(
        session,
        tokenizer.encode(CLEAR_PROMPTS[which] ?? ''),
        steps,
      )) {
        expectSameChoice(logits, step, `prompt ${which}, step ${index}`)
      }
      session.dispose()
    }
  })

  test('on the same weights in f32: the same tokens and the same probabilities', async () => {
    const tokenizer = createTokenizer(model.tokenizer)
    const answers = await runLlamaCpp(await expandGguf(source), PROMPTS, { steps: STEPS, candidates: 5 })
    for (const [which, steps] of answers.entries()) {
      expect(steps).toHaveLength(STEPS)
      const session = await shard.openSession(256)
      for await (const { index, step, logits } of follow(session, tokenizer.encode(PROMPTS[which] ?? ''), steps)) {
        const where = `prompt ${which}, step ${index}`
        expectSameChoice(logits, step, where)
        const whole = logSumExp(logits)
        expect(step.top.length).toBe(5)
        for (const { id, logprob } of step.top) {
          expect(Math.abs((logits[id] ?? NaN) - whole - logprob), `${where}, token ${id}`).toBeLessThan(1e-3)
        }
      }
      session.dispose()
    }
  })
})

test('over three shards it gives the bits of one', async () => {
  const prompt = createTokenizer(model.tokenizer).encode('Once upon a time, in a village by the sea,')
  const solo = await runShards(gpu, model, [wholeOf(model)])
  const wanted = [await solo.prefill(prompt), await solo.decode(prompt.slice(0, 3)), await solo.decode([260])]
  solo.dispose()
  const split = await runShards(gpu, model, [
    { first: 0, last: 11 },
    { first: 11, last: 19 },
    { first: 19, last: 30 },
  ])
  const got = [await split.prefill(prompt), await split.decode(prompt.slice(0, 3)), await split.decode([260])]
  split.dispose()
  for (const [index, logits] of got.entries()) expectSameBits(logits, wanted[index] ?? new Float32Array(0))
})
