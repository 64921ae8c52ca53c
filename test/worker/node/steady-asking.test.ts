// A light node's answer whose holder leaves is asked of another, from the tokens that came.

import { expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from '../../../worker/node/api.ts'
import { askSteadily } from '../../../worker/node/steady-asking.ts'

const PATH = [{ family: 'prefill' as const, tokens: 4 }]
const TIMING = { totalMs: 1, computeMs: [1], networkMs: 0 }
const REQUEST: GenerateRequest = {
  requestId: 'r',
  modelId: 'toy',
  prompt: { text: 'abcd' },
  maxTokens: 6,
  sampling: { seed: 3 },
}

/** Holders that answer with 0, 1, 2, … and leave after so many tokens each; the last stays if it has enough. */
function createRoom(...lasting: readonly number[]) {
  const asked: { peer: string; request: GenerateRequest }[] = []
  let here = 0
  return {
    asked,
    findHolder: async () => (here < lasting.length ? { peer: `peer ${here}`, fingerprint: 'f' } : undefined),
    async ask(
      peer: string,
      _fingerprint: string,
      request: GenerateRequest,
      onEvent: (event: GenerateEvent) => void,
    ): Promise<GenerateResult> {
      asked.push({ peer, request })
      const tokens = [...(request.continueFrom?.tokens ?? [])]
      onEvent({ type: 'prefill', done: 0, total: 4, path: PATH })
      for (let count = 0; count < request.maxTokens; count++) {
        if (count === lasting[here]) {
          here++
          throw new CentramError('PEER_LEFT', `${peer} left.`)
        }
        tokens.push(tokens.length)
        onEvent({ type: 'token', token: tokens.length - 1, text: `${tokens.length - 1}`, timing: TIMING })
      }
      if (lasting[here] === request.maxTokens) {
        here++
        throw new CentramError('PEER_LEFT', `${peer} left.`)
      }
      return { text: tokens.join(''), tokens, finish: 'length' } as unknown as GenerateResult
    },
  }
}

async function ask(room: ReturnType<typeof createRoom>, request = REQUEST) {
  const events: GenerateEvent[] = []
  const holder = await room.findHolder()
  if (!holder) throw new Error('no holder')
  const result = askSteadily(room, holder, request, (event) => events.push(event))
  return { events, result: await result.catch((error: unknown) => error as CentramError) }
}

const tokensIn = (events: readonly GenerateEvent[]) =>
  events.flatMap((event) => (event.type === 'token' ? [event.token] : []))

test('goes on with the next holder, with the same question, seed and path, and each token once', async () => {
  const room = createRoom(2, 0, 3, 9)
  const { events, result } = await ask(room)
  expect(result).toMatchObject({ tokens: [0, 1, 2, 3, 4, 5], text: '012345', finish: 'length' })
  expect(tokensIn(events)).toEqual([0, 1, 2, 3, 4, 5])
  expect(room.asked.map(({ peer, request }) => [peer, request.maxTokens, request.continueFrom?.tokens])).toEqual([
    ['peer 0', 6, undefined],
    ['peer 1', 4, [0, 1]],
    ['peer 2', 4, [0, 1]],
    ['peer 3', 1, [0, 1, 2, 3, 4]],
  ])
  for (const { request } of room.asked.slice(1)) {
    expect(request).toMatchObject({ prompt: REQUEST.prompt, sampling: { seed: 3 }, continueFrom: { path: PATH } })
  }
  const told = events.flatMap((event) => (event.type === 'recovery' ? [`${event.state} ${event.message}`.trim()] : []))
  expect(told).toEqual(['began peer 0 left.', 'done', 'began peer 1 left.', 'done', 'began peer 2 left.', 'done'])
})

test('an answer that itself went on keeps what it went on from', async () => {
  const room = createRoom(1, 9)
  const { result } = await ask(room, { ...REQUEST, maxTokens: 3, continueFrom: { tokens: [0, 1], text: '01' } })
  expect(result).toMatchObject({ tokens: [0, 1, 2, 3, 4], text: '01234' })
})

test('a holder that leaves after the last token took nothing with it', async () => {
  const { events, result } = await ask(createRoom(6))
  expect(result).toMatchObject({ tokens: [0, 1, 2, 3, 4, 5], text: '012345', finish: 'length', promptTokens: 4 })
  expect(tokensIn(events)).toHaveLength(6)
})

test('with nobody left to ask it ends with a reason; refusals end it at once; leaving holders end some time', async () => {
  const { events, result } = await ask(createRoom(2))
  expect(result).toMatchObject({ code: 'PEER_LEFT', message: expect.stringMatching(/peer 0 left\..*can go on later/) })
  expect(tokensIn(events)).toEqual([0, 1])
  const refusing = { ...createRoom(9), ask: () => Promise.reject(new CentramError('NO_CAPACITY', 'full')) }
  expect((await ask(refusing)).result).toMatchObject({ code: 'NO_CAPACITY' })
  const endless = createRoom(...new Array<number>(99).fill(0))
  expect((await ask(endless)).result).toMatchObject({ code: 'PEER_LEFT' })
  expect(endless.asked.length).toBeLessThan(10)
})
