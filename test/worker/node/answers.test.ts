// Several answers at a time on one node: the same as each alone, in turn, with their places told, and alone where they must be.

import { describe, expect, test } from 'vitest'
import { createAnswers, type Answers } from '../../../worker/node/answers.ts'
import type { ActiveModel } from '../../../worker/node/active-model.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from '../../../worker/node/api.ts'
import { createFakeModel, FAKE_MODEL } from './fake-model.ts'

const question = (requestId: string, text = requestId, maxTokens = 20): GenerateRequest => ({
  requestId,
  modelId: FAKE_MODEL,
  prompt: { text },
  maxTokens,
  // Drafts would compute more columns than there are tokens.
  drafts: 'none',
})

const createAnswersOf = (active: ActiveModel, onIdle: () => void) => createAnswers(active, onIdle, () => 0)

interface Told {
  readonly result: Promise<GenerateResult>
  readonly events: GenerateEvent[]
  positions(): number[]
}

function ask(
  answers: Answers,
  request: GenerateRequest,
  asker?: string,
  onEvent?: (event: GenerateEvent) => void,
): Told {
  const events: GenerateEvent[] = []
  const heard = (event: GenerateEvent) => {
    events.push(event)
    onEvent?.(event)
  }
  return {
    result: answers.generate(request, { onEvent: heard }, asker),
    events,
    positions: () => events.flatMap((event) => (event.type === 'queue' ? [event.position] : [])),
  }
}

const tokensOf = ({ events }: Told) => events.flatMap((event) => (event.type === 'token' ? [event.token] : []))
const never = () => undefined

/** What each question is answered when nobody else asks. */
async function alone(requests: readonly GenerateRequest[]): Promise<GenerateResult[]> {
  const results = []
  for (const request of requests) {
    const { active } = await createFakeModel()
    results.push(await ask(createAnswersOf(active, never), { ...request, logits: 'digest' }).result)
  }
  return results
}

describe('several askers', () => {
  test('get the bits that each gets alone, and meet in the steps', async () => {
    const requests = ['A', 'BB at length', 'C', '(D)'].map((text, index) => question(`r${index}`, text, 30 - index * 4))
    const wanted = await alone(requests)
    const { active, scheduler, shard } = await createFakeModel()
    const answers = createAnswersOf(active, never)
    const running = requests.map((request, index) => ask(answers, { ...request, logits: 'digest' }, `asker ${index}`))
    const got = await Promise.all(running.map(({ result }) => result))
    for (const [index, result] of got.entries()) {
      expect(result.tokens).toEqual(wanted[index]?.tokens)
      expect(result.logitsDigests).toEqual(wanted[index]?.logitsDigests)
      expect(result.logitsDigests.length).toBe(result.tokens.length)
    }
    expect(Math.max(...shard.together)).toBeGreaterThan(1)
    expect(scheduler.counts.steps).toBeLessThan(scheduler.counts.sessions)
    expect(running.flatMap((told) => told.positions())).toEqual([])
    expect(answers.load()).toEqual({ running: 0, waiting: 0 })
  })

  test('more than have room wait, are told their places, and come in turn', async () => {
    const { active } = await createFakeModel()
    const answers = createAnswersOf(active, never)
    const order: string[] = []
    const begin = (name: string, asker?: string) =>
      ask(answers, question(name), asker, (event) => {
        if (event.type === 'token' && !order.includes(name)) order.push(name)
      })
    const first = ['1', '2', '3', '4'].map((name) => begin(name, 'greedy'))
    const more = ['5', '6'].map((name) => begin(name, 'greedy'))
    const modest = begin('modest', 'modest')
    const own = begin('own')
    expect(answers.load()).toEqual({ running: 4, waiting: 4 })
    expect(more.map((told) => told.positions())).toEqual([
      [0, 1, 2],
      [1, 2, 3],
    ])
    expect(modest.positions()).toEqual([0, 1])
    expect(own.positions()).toEqual([0])
    await Promise.all([...first, ...more, modest, own].map(({ result }) => result))
    expect(order.slice(4)).toEqual(['own', 'modest', '5', '6'])
    expect(more[1]?.positions().at(-1)).toBe(0)
  })

  test('stopped while it waits, an answer ends without having begun', async () => {
    const { active, shard } = await createFakeModel(1)
    const answers = createAnswersOf(active, never)
    const running = ask(answers, question('running'))
    const waiting = ask(answers, question('waiting'), 'peer')
    expect(answers.stop('waiting')).toBe(true)
    await expect(waiting.result).resolves.toMatchObject({ finish: 'cancelled', tokens: [], text: '' })
    expect(answers.stop('waiting')).toBe(false)
    const { tokens } = await running.result
    expect(tokens).toHaveLength(20)
    expect(shard.computed).toBe('running'.length + 19)
  })

  test('stopped while it runs, an answer leaves those beside it alone', async () => {
    const [wanted] = await alone([question('kept')])
    const { active } = await createFakeModel()
    const answers = createAnswersOf(active, never)
    const kept = ask(answers, question('kept'), 'one')
    const stopped = ask(answers, question('stopped', 'x', 500), 'two', (event) => {
      if (event.type === 'token') answers.stop('stopped')
    })
    expect((await stopped.result).finish).toBe('cancelled')
    expect(tokensOf(stopped).length).toBeLessThan(5)
    expect((await kept.result).tokens).toEqual(wanted?.tokens)
  })
})

describe('caches', () => {
  test('each conversation goes on from its own', async () => {
    const { active, shard } = await createFakeModel()
    const answers = createAnswersOf(active, never)
    const turn = async (name: string, text: string, asker?: string) => {
      const before = shard.computed
      const { result } = ask(answers, question(name, text, 4), asker)
      const { text: written, promptTokens } = await result
      return { said: text + written, computed: shard.computed - before, promptTokens }
    }
    const one = await turn('1', 'a first conversation about the sea', 'ann')
    const two = await turn('2', 'another one on the price of bread', 'bob')
    const again = await turn('3', `${one.said} and?`, 'ann')
    const anew = await turn('4', `${two.said} so?`, 'bob')
    for (const next of [again, anew]) expect(next.computed).toBeLessThan(next.promptTokens)
    // Whoever else asks the same learns nothing from how long it takes.
    const copied = await turn('5', `${one.said} and?`, 'eve')
    expect(copied.computed).toBe(copied.promptTokens + 3)
    expect(shard.openSessions.size).toBe(3)
  })

  test('the one unused for longest is begun anew where there is room for no more', async () => {
    const { active, shard } = await createFakeModel(2)
    const answers = createAnswersOf(active, never)
    for (const name of ['a', 'b', 'c', 'd']) await ask(answers, question(name, `a text of ${name}`), name).result
    expect(shard.openSessions.size).toBe(2)
    const before = shard.computed
    await ask(answers, question('d2', 'a text of d', 1), 'd').result
    expect(shard.computed - before).toBe('a text of d'.length)
  })

  test('where less room is left than it seemed, answers wait for one another', async () => {
    const requests = ['r0', 'r1', 'r2', 'r3', 'r4'].map((name) => question(name))
    const wanted = await alone(requests)
    const { active, shard } = await createFakeModel(2, 4)
    const answers = createAnswersOf(active, never)
    const got = await Promise.all(requests.map((request) => ask(answers, request, request.requestId).result))
    expect(got.map(({ tokens }) => tokens)).toEqual(wanted.map(({ tokens }) => tokens))
    expect(shard.openSessions.size).toBe(2)
    const none = await createFakeModel(0, 4)
    const failing = createAnswersOf(none.active, never)
    await expect(ask(failing, question('none')).result).rejects.toMatchObject({ code: 'GPU_OUT_OF_MEMORY' })
  })
})

test('what changes the model waits for all answers, and those after it for that', async () => {
  const { active, shard } = await createFakeModel()
  let idle = 0
  const answers = createAnswersOf(active, () => idle++)
  const before = ['a', 'b'].map((name) => ask(answers, question(name), name))
  const seen: number[][] = []
  const after: Told[] = []
  const written = () => [...before, ...after].map((told) => tokensOf(told).length)
  const between = answers.between(async () => {
    seen.push(written())
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(written())
  })
  after.push(ask(answers, question('c')))
  expect(answers.busy()).toBe(true)
  await Promise.all([...before, ...after].map(({ result }) => result))
  await between
  expect(seen).toEqual([
    [20, 20, 0],
    [20, 20, 0],
  ])
  expect(written()).toEqual([20, 20, 20])
  expect(answers.busy()).toBe(false)
  expect(idle).toBe(1)
  // Nothing computed before goes on.
  await ask(answers, question('again', 'a text')).result
  await answers.between(async () => undefined)
  const computed = shard.computed
  await ask(answers, question('once more', 'a text', 1)).result
  expect(shard.computed - computed).toBe('a text'.length)
})
