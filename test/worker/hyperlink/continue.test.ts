// Answers that ended early and go on: on the cache they left, after a reload, over other nodes, in a later turn of a chat. Their
// tokens and bits are those of an answer that was never interrupted.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  cutTo,
  joined,
  lengthOf,
  pathOf,
  restFrom,
  sharedPath,
  type Stretch,
} from '../../../worker/hyperlink/cache-path.ts'
import { PREFILL_CHUNK } from '../../../worker/model/shard.ts'
import { askFake, createFakeSwarm, MODEL_ID, PROMPT, type AskOptions, type FakeSwarm } from './fake-swarm.ts'

const TOKENS = 24

async function placed(...room: readonly number[]): Promise<FakeSwarm> {
  const swarm = createFakeSwarm({ room })
  await swarm.node(0).active.load(MODEL_ID)
  return swarm
}

/** Greedy, and drawn with a seed and a penalty that look at every token before. */
const SAMPLINGS = [{}, { temperature: 0.9, topK: 8, repetitionPenalty: 1.3, seed: 7 }]

test.each(SAMPLINGS)('cut anywhere, on the cache it left, and after a reload: %j', async (sampling) => {
  const whole = await askFake(await placed(6, 6), {}, { maxTokens: TOKENS, sampling })
  for (const at of [1, 2, 7, 8, 9, 16, 23]) {
    const swarm = await placed(6, 6)
    const first = await askFake(swarm, {}, { maxTokens: at, sampling })
    expect(first.tokens).toEqual(whole.tokens.slice(0, at))
    const rest: AskOptions = {
      maxTokens: TOKENS - at,
      sampling,
      goOnFrom: { tokens: first.tokens, path: first.path },
    }
    for (const later of [swarm, await placed(6), await placed(6, 6, 6)]) {
      const resumed = await askFake(later, {}, rest)
      expect(resumed.tokens).toEqual(whole.tokens)
      expect(resumed.digests).toEqual(whole.digests.slice(at))
    }
    // On the cache it left, only the last token was still to be computed.
    const more = await askFake(swarm, {}, { ...rest, maxTokens: 1 })
    expect(more.tokens).toEqual(whole.tokens.slice(0, at + 1))
    expect(more.kept).toBe(PROMPT.length)
  }
})

test('in a later turn, whose prompt was decoded in part, after a reload', async () => {
  const quiet = await placed(6, 6)
  const first = await askFake(quiet)
  const prompt = [...PROMPT, ...first.tokens, 4, 5, 6]
  const whole = await askFake(quiet, {}, { prompt, maxTokens: TOKENS })
  expect(whole.path.map(({ family }) => family)).toEqual(['prefill', 'decode', 'prefill'])
  const goOnFrom = { tokens: whole.tokens.slice(0, 10), path: whole.path }
  const resumed = await askFake(await placed(6, 6, 6), {}, { prompt, maxTokens: TOKENS - 10, goOnFrom })
  expect(resumed.tokens).toEqual(whole.tokens)
  expect(resumed.digests).toEqual(whole.digests.slice(10))
  // The stand-in shows the chunks of a prefill as a GPU does: without its path the bits are others.
  const { tokens } = goOnFrom
  const pathless = await askFake(await placed(6, 6, 6), {}, { prompt, maxTokens: TOKENS - 10, goOnFrom: { tokens } })
  expect(pathless.digests).not.toEqual(resumed.digests)
})

test('lost with its nodes and without room, it keeps its tokens and goes on when there is room again', async () => {
  const whole = await askFake(await placed(6), {}, { maxTokens: TOKENS })
  const swarm = await placed(3, 3)
  const tokens: number[] = []
  const failed = askFake(
    swarm,
    {
      onToken(count) {
        tokens.push(whole.tokens[count - 1] ?? -1)
        if (count === 9) swarm.kill(1)
      },
    },
    { maxTokens: TOKENS },
  )
  await expect(failed).rejects.toMatchObject({ code: 'NO_CAPACITY' })
  expect(tokens).toHaveLength(9)
  swarm.revive(1)
  const resumed = await askFake(swarm, {}, { maxTokens: TOKENS - 9, goOnFrom: { tokens, path: whole.path } })
  expect(resumed.tokens).toEqual(whole.tokens)
  expect(resumed.digests).toEqual(whole.digests.slice(9))
})

test('a node lost while the answer goes on changes nothing either', async () => {
  const whole = await askFake(await placed(6), {}, { maxTokens: TOKENS })
  const goOnFrom = { tokens: whole.tokens.slice(0, 12), path: whole.path }
  for (let at = 1; at < 6; at++) {
    const swarm = await placed(6, 6, 6)
    const hooks = { onToken: (count: number) => count === at && swarm.kill(2) }
    const resumed = await askFake(swarm, hooks, { maxTokens: TOKENS - 12, goOnFrom })
    expect(resumed.digests).toEqual(whole.digests.slice(12))
  }
})

test('an answer whose node was lost after the end token is over, whoever is asked to go on', async () => {
  const [end] = (await askFake(await placed(6), {}, { maxTokens: 1 })).tokens.slice(-1)
  const options = { maxTokens: TOKENS, endTokens: new Set([end ?? -1]) }
  const whole = await askFake(await placed(6), {}, options)
  expect(whole).toMatchObject({ tokens: [end], finish: 'end' })
  const resumed = await askFake(await placed(6, 6), {}, { ...options, goOnFrom: { tokens: whole.tokens } })
  expect(resumed).toMatchObject({ tokens: whole.tokens, finish: 'end' })
})

test('what does not fit the context any more says so', async () => {
  const swarm = await placed(6)
  const tokens = new Array<number>(3000).fill(1)
  await expect(askFake(swarm, {}, { goOnFrom: { tokens } })).rejects.toMatchObject({ code: 'CONTEXT_FULL' })
})

const token = fc.integer({ min: 0, max: 2 })
const stretch = fc.record<Stretch>({
  family: fc.constantFrom('prefill', 'decode'),
  tokens: fc.array(token, { minLength: 1, maxLength: 2 * PREFILL_CHUNK + 3, size: 'max' }),
})
const path = fc
  .array(stretch, { minLength: 1, maxLength: 4 })
  .map((stretches) => stretches.reduce<readonly Stretch[]>((all, one) => joined(all, one), []))

test('paths: cut and rest make the whole; what is shared begins both, at chunks, and leaves a token to compute', () => {
  fc.assert(
    fc.property(path, path, fc.nat(600), (one, other, at) => {
      const tokensOf = (stretches: readonly Stretch[]) => stretches.flatMap(({ tokens }) => tokens)
      expect([...tokensOf(cutTo(one, at)), ...tokensOf(restFrom(one, at))]).toEqual(tokensOf(one))
      const mixed = [...cutTo(one, at), ...other].reduce<readonly Stretch[]>((all, step) => joined(all, step), [])
      for (const wanted of [other, one, mixed]) {
        const shared = sharedPath(one, wanted)
        const length = lengthOf(shared)
        expect(length).toBeLessThan(lengthOf(wanted))
        expect(tokensOf(shared)).toEqual(tokensOf(wanted).slice(0, length))
        expect(cutTo(one, length).map(({ family }) => family)).toEqual(shared.map(({ family }) => family))
        // What is left of a prefill begins where one of its chunks does.
        const [rest] = restFrom(wanted, length)
        const before = wanted.slice(0, wanted.length - restFrom(wanted, length).length)
        const into = length - lengthOf(before)
        if (rest?.family === 'prefill') expect(into % PREFILL_CHUNK).toBe(0)
      }
    }),
    { numRuns: 300 },
  )
})

test('a path that is not of the prompt is not believed', () => {
  const prompt = [1, 2, 3]
  expect(pathOf(prompt, [4], [{ family: 'decode', tokens: 2 }])).toEqual([
    { family: 'prefill', tokens: prompt },
    { family: 'decode', tokens: [4] },
  ])
  const told = [
    { family: 'prefill' as const, tokens: 2 },
    { family: 'decode' as const, tokens: 1 },
  ]
  expect(pathOf(prompt, [4], told)).toEqual([
    { family: 'prefill', tokens: [1, 2] },
    { family: 'decode', tokens: [3, 4] },
  ])
})
