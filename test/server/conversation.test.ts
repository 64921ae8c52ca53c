// A chat's last answer goes on where it ended: with the same question, seed and tokens, after a reload too.

import { expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { DEFAULT_SETTINGS } from '../../web/apps/chat/chat-settings.ts'
import { emptyChat, type Chat } from '../../web/apps/chat/chat-tree.ts'
import { createConversation, type Conversation } from '../../web/apps/chat/conversation.ts'
import { canGoOn } from '../../web/apps/chat/turns.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult, ModelState, NodeApi } from '../../worker/node/api.ts'

const MODEL = { id: 'toy', title: 'Toy', chat: true } as ModelState
const ANSWERER = { model: MODEL, genomes: [], settings: { ...DEFAULT_SETTINGS, maxTokens: 5 } }
const PATH = [{ family: 'prefill' as const, tokens: 3 }]
const TIMING = { totalMs: 1, computeMs: [1], networkMs: 0 }

type End = GenerateResult['finish'] | CentramError

/** A node whose answers count up from the tokens they go on from, `upTo` a number, and end as told. */
function createNode(upTo: number, end: End) {
  const asked: GenerateRequest[] = []
  const api = {
    async generate(
      request: GenerateRequest,
      listener: (event: GenerateEvent) => void,
    ): Promise<Partial<GenerateResult>> {
      asked.push(request)
      const tokens = [...(request.continueFrom?.tokens ?? [])]
      listener({ type: 'prefill', done: 0, total: 3, path: PATH })
      while (tokens.length < upTo) {
        tokens.push(tokens.length)
        listener({ type: 'token', token: tokens.length - 1, text: `${tokens.length - 1} `, timing: TIMING })
      }
      if (end instanceof CentramError) throw end
      return { text: tokens.map((token) => `${token} `).join(''), tokens, finish: end, computeMs: [], stages: [] }
    },
  }
  return { asked, api: api as unknown as NodeApi }
}

const quiet = { onChange: () => undefined, onToken: () => undefined, names: () => ({}), now: () => 7 }
/** As it comes back from storage. */
const chat = ({ api }: { api: NodeApi }, kept: Chat = emptyChat('c', 0)) =>
  createConversation(api, structuredClone(kept), quiet)
const last = ({ turns }: Conversation) => turns.at(-1)

test.each<[string, End]>([
  ['stopped', 'cancelled'],
  ['at its longest', 'length'],
  ['broken off', new CentramError('NO_CAPACITY', 'The model no longer fits.')],
])('an answer that was %s goes on after a reload', async (_what, end) => {
  const first = createNode(3, end)
  const before = chat(first)
  await before.send('Count', ANSWERER)
  expect(before.turns.map(canGoOn)).toEqual([false, true])
  expect(before.turns[1]?.text).toBe('0 1 2 ')
  const second = createNode(5, 'end')
  const after = chat(second, before.chat)
  await after.goOn(ANSWERER)
  const [request] = second.asked
  expect(request).toMatchObject({
    prompt: first.asked[0]?.prompt,
    sampling: first.asked[0]?.sampling,
    continueFrom: { tokens: [0, 1, 2], text: '0 1 2 ', path: PATH },
  })
  expect(after.turns).toHaveLength(2)
  expect(after.turns[1]).toMatchObject({ id: before.turns[1]?.id, text: '0 1 2 3 4 ', state: 'done' })
  expect(after.turns[1]?.failure).toBeUndefined()
  // Ended by the model itself: there is nothing to go on with.
  expect(after.turns.map(canGoOn)).toEqual([false, false])
})

test('one that breaks off again keeps what came until then, and is asked again whole if nothing did', async () => {
  const lost = new CentramError('PEER_LEFT', 'Anna’s laptop left.')
  const nothing = chat(createNode(0, lost))
  await nothing.send('Count', ANSWERER)
  expect(nothing.turns.map(canGoOn)).toEqual([false, true])
  const again = createNode(2, lost)
  const resumed = chat(again, nothing.chat)
  await resumed.goOn(ANSWERER)
  expect(again.asked[0]).not.toHaveProperty('continueFrom')
  expect(resumed.turns[1]).toMatchObject({ state: 'broken', text: '0 1 ', failure: { code: 'PEER_LEFT' } })
  const longer = createNode(4, 'length')
  const third = chat(longer, resumed.chat)
  await third.goOn(ANSWERER)
  expect(longer.asked[0]?.continueFrom?.tokens).toEqual([0, 1])
  expect(third.turns[1]?.text).toBe('0 1 2 3 ')
})

test('the questions before it are asked as they were, and no other answer goes on', async () => {
  const node = createNode(3, 'length')
  const conversation = chat(node)
  await conversation.send('One', ANSWERER)
  await conversation.send('Two', ANSWERER)
  await conversation.goOn(ANSWERER)
  expect(node.asked[2]?.prompt).toEqual(node.asked[1]?.prompt)
  expect(node.asked[1]?.prompt).toEqual({
    messages: [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: '0 1 2 ' },
      { role: 'user', content: 'Two' },
    ],
  })
})

test('a changed question and another answer are versions beside the old ones, which stay', async () => {
  const node = createNode(2, 'end')
  const conversation = chat(node)
  await conversation.send('One', ANSWERER, [{ name: 'a.txt', text: '``` x\n' }])
  const [question, answer] = conversation.turns
  await conversation.send('Two', ANSWERER)
  await conversation.regenerate(answer?.id ?? '', ANSWERER)
  expect(conversation.turns.map(({ text }) => text)).toEqual(['One', '0 1 '])
  expect(last(conversation)?.id).not.toBe(answer?.id)
  expect(node.asked[2]?.prompt).toEqual(node.asked[0]?.prompt)
  conversation.show(answer?.id ?? '')
  expect(conversation.turns.map(({ text }) => text)).toEqual(['One', '0 1 ', 'Two', '0 1 '])

  conversation.change({ system: 'Be brief.' })
  await conversation.edit(question?.id ?? '', 'Uno', ANSWERER)
  expect(conversation.turns.map(({ text }) => text)).toEqual(['Uno', '0 1 '])
  expect(node.asked[3]?.prompt).toEqual({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'a.txt:\n````\n``` x\n````\n\nUno' },
    ],
  })
  expect(conversation.chat.turns).toHaveLength(7)
})

test('an answer keeps who computed which layers, under the name it had then', async () => {
  const stage = { nodeId: 'aa', range: { first: 0, last: 3 }, bytes: 1, status: 'ready', progress: 1 } as const
  const result = { text: 'x', tokens: [1], finish: 'end', computeMs: [1], stages: [stage], msPerToken: 2, networkMs: 0 }
  const api = { generate: async () => result } as unknown as NodeApi
  const conversation = createConversation(api, emptyChat('c', 0), { ...quiet, names: () => ({ aa: 'Anna' }) })
  await conversation.send('Hello', ANSWERER)
  expect(last(conversation)?.result).toMatchObject({
    stages: [{ nodeId: 'aa', range: { first: 0, last: 3 } }],
    names: { aa: 'Anna' },
  })
})
