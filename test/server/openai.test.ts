// OpenAI's API, used by OpenAI's own package: what a client asks goes through the server and a node's door, and comes back as the
// node computed it.

import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClientAddress } from '../../signaling-server/client-address.ts'
import { createDoorService, type DoorService } from '../../signaling-server/door/socket.ts'
import { createMemoryRecords } from '../../worker/storage/records.ts'
import { renderPlainly } from '#core/chat-template/plain-turns.ts'
import { FAKE_MODEL } from '../worker/node/fake-model.ts'
import { createDoorNode, type DoorNode } from './door-node.ts'
import { startLoopback, type Loopback } from './loopback.ts'

let loopback: Loopback
let service: DoorService
let node: DoorNode
let key: string
let client: OpenAI
const records = createMemoryRecords()
let day = 20_000
const WIDE = { name: 'test', requestsPerMinute: 6000, tokensPerDay: null }

const clientOf = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${loopback.origin}/v1`, maxRetries: 0 })
const MESSAGES = [{ role: 'user' as const, content: 'AB' }]

beforeAll(async () => {
  service = await createDoorService()
  loopback = await startLoopback({ doors: { service, addressOf: createClientAddress() } })
  node = await createDoorNode(loopback.origin, { records, day: () => day })
  key = await node.door.api.makeDoorKey(WIDE)
  await node.door.api.setDoor(true)
  await node.until(({ state }) => state === 'open')
  client = clientOf(key)
  await untilServed(client)
})
afterAll(async () => {
  node.door.close()
  await loopback.close()
})

/** The offer travels behind the registration. */
async function untilServed(asked: OpenAI): Promise<void> {
  for (;;) {
    const isThere = await asked.models.list().then(
      () => true,
      () => false,
    )
    if (isThere) return
  }
}

async function refusal(asking: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await asking.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof OpenAI.APIError) return error
  throw new Error(`no refusal, but ${String(error)}`)
}

describe('the official client', () => {
  test('lists what the door answers with: the model, its adapters, and models of other nodes', async () => {
    const { data } = await client.models.list()
    expect(data.map(({ id }) => id)).toEqual([FAKE_MODEL, `${FAKE_MODEL}:of-whales`, 'far'])
    expect((await client.models.retrieve(`${FAKE_MODEL}:of-whales`)).object).toBe('model')
    expect((await refusal(client.models.retrieve('none'))).status).toBe(404)
  })

  test('chats, whole and streamed, with the same text and honest usage', async () => {
    const request = { model: FAKE_MODEL, messages: MESSAGES, max_completion_tokens: 20, temperature: 0 }
    const whole = await client.chat.completions.create(request)
    const text = whole.choices[0]?.message.content ?? ''
    expect(whole.choices[0]?.finish_reason).toBe('length')
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    })
    const pieces = []
    for await (const piece of stream) pieces.push(piece)
    expect(pieces[0]?.choices[0]?.delta.role).toBe('assistant')
    expect(pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(text)
    expect(text).not.toBe('')
    expect(pieces.at(-2)?.choices[0]?.finish_reason).toBe('length')
    const usage = pieces.at(-1)?.usage
    expect(usage).toMatchObject({ completion_tokens: 20, prompt_tokens: whole.usage?.prompt_tokens })
    expect(usage?.prompt_tokens).toBe(renderPlainly(MESSAGES, true).length)
    // What the next turn reads again is in the cache already, and is told so.
    const turns = [...MESSAGES, { role: 'assistant' as const, content: text }, { role: 'user' as const, content: 'C' }]
    const computed = node.model.shard.computed
    const next = await client.chat.completions.create({ ...request, messages: turns, max_completion_tokens: 1 })
    const cached = next.usage?.prompt_tokens_details?.cached_tokens ?? 0
    expect(cached).toBeGreaterThan(0)
    expect(node.model.shard.computed - computed).toBe((next.usage?.prompt_tokens ?? 0) - cached)
  })

  test('completes texts, several at once, and ends where it is told to', async () => {
    const asked = { model: FAKE_MODEL, max_tokens: 24, temperature: 0 }
    const { choices, usage } = await client.completions.create({ ...asked, prompt: ['AB', 'XYZ'] })
    expect(choices.map(({ index }) => index)).toEqual([0, 1])
    expect(usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 48 })
    const [first] = choices
    const stop = first?.text.slice(4, 7) ?? ''
    const cut = await client.completions.create({ ...asked, prompt: 'AB', stop })
    expect(cut.choices[0]).toMatchObject({
      text: first?.text.slice(0, first.text.indexOf(stop)),
      finish_reason: 'stop',
    })
    expect(cut.usage?.completion_tokens).toBeLessThan(24)
    const short = await client.completions.create({ model: FAKE_MODEL, prompt: 'AB', temperature: 0 })
    expect(short.usage?.completion_tokens).toBe(16)
  })

  test('draws the same with the same seed, and n choices with seeds of their own', async () => {
    const asked = { model: FAKE_MODEL, prompt: 'AB', max_tokens: 12, seed: 7 }
    const [one, other] = await Promise.all([client.completions.create(asked), client.completions.create(asked)])
    expect(one.choices).toEqual(other.choices)
    const { choices } = await client.completions.create({ ...asked, n: 3 })
    expect(choices).toHaveLength(3)
    expect(choices[0]?.text).toBe(one.choices[0]?.text)
    // Without one it is drawn, so that the same question is not always answered alike.
    const texts = new Set<string>()
    for (let time = 0; time < 4; time++) {
      const { choices: drawn } = await client.completions.create({ ...asked, seed: null, temperature: 2 })
      texts.add(drawn[0]?.text ?? '')
    }
    expect(texts.size).toBeGreaterThan(1)
  })

  test('is given embeddings as numbers and in base64, of length 1 and by the text alone', async () => {
    const input = ['AB', 'A longer text', 'AB']
    const { data, usage } = await client.embeddings.create({ model: FAKE_MODEL, input, encoding_format: 'float' })
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(data[0]?.embedding).toEqual(data[2]?.embedding)
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding)
    for (const { embedding } of data) expect(Math.hypot(...embedding)).toBeCloseTo(1, 6)
    expect(usage).toEqual({ prompt_tokens: 17, total_tokens: 17 })
    // The package asks for base64 where nothing is said, and reads it back.
    expect((await client.embeddings.create({ model: FAKE_MODEL, input: 'AB' })).data[0]?.embedding).toEqual(
      data[0]?.embedding,
    )
  })

  test('addresses an adapter as a model', async () => {
    await client.completions.create({ model: `${FAKE_MODEL}:of-whales`, prompt: 'AB', max_tokens: 2 })
    expect(node.model.asked.at(-1)).toBe(`${FAKE_MODEL}:${'a'.repeat(64)}`)
    await client.completions.create({ model: FAKE_MODEL, prompt: 'AB', max_tokens: 2 })
    expect(node.model.asked.at(-1)).toBe(FAKE_MODEL)
  })

  test('ends what it no longer reads: the node stops computing', async () => {
    const stream = await client.completions.create({ model: FAKE_MODEL, prompt: 'AB', max_tokens: 500, stream: true })
    for await (const _ of stream) break
    await node.until(({ running }) => running === 0)
    const abort = new AbortController()
    const whole = client.completions.create(
      { model: FAKE_MODEL, prompt: 'AB', max_tokens: 500 },
      { signal: abort.signal },
    )
    await node.until(({ running }) => running === 1)
    abort.abort()
    await expect(whole).rejects.toThrow()
    await node.until(({ running }) => running === 0)
    expect(service.counts().running).toBe(0)
    expect(node.model.shard.computed).toBeLessThan(1000)
  })

  test('is refused in the words of the API', async () => {
    const chat = (more: object) =>
      refusal(client.chat.completions.create({ model: FAKE_MODEL, messages: MESSAGES, ...more }))
    expect(await chat({ model: 'gpt-5' })).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
    expect(await chat({ tools: [{ type: 'function', function: { name: 'f' } }] })).toMatchObject({
      status: 400,
      param: 'tools',
    })
    expect(await chat({ temperature: 9 })).toMatchObject({ status: 400, param: 'temperature' })
    expect(await chat({ messages: [{ role: 'tool', content: 'x', tool_call_id: '1' }] })).toMatchObject({ status: 400 })
    expect(await chat({ messages: [{ role: 'user', content: 'A'.repeat(700) }] })).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
    expect(await refusal(client.embeddings.create({ model: 'far', input: 'x' }))).toMatchObject({
      status: 400,
      code: 'not_offered',
    })
    expect(await refusal(client.embeddings.create({ model: FAKE_MODEL, input: 'A'.repeat(700) }))).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
    expect(await refusal(clientOf('ck-wrong').models.list())).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect(await refusal(client.post('/nothing', { body: {} }))).toMatchObject({ status: 404, code: 'unknown_url' })
    const raw = await fetch(`${loopback.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: '{',
    })
    expect(raw.status).toBe(400)
    const large = { model: FAKE_MODEL, prompt: 'A'.repeat(1024 * 1024) }
    expect(await refusal(client.completions.create(large))).toMatchObject({ status: 413 })
  })
})

test('whatever is asked, the answer is one of the API’s: never a failure of the server’s own', async () => {
  const model = fc.constantFrom(FAKE_MODEL, 'far', 'none', 7)
  const content = fc.oneof(fc.string(), fc.constant([{ type: 'text', text: 'x' }]), fc.jsonValue())
  const body = fc.record(
    {
      model,
      messages: fc.array(fc.record({ role: fc.constantFrom('user', 'system', 'tool'), content }), { maxLength: 3 }),
      prompt: fc.oneof(fc.string({ maxLength: 9 }), fc.array(fc.string({ maxLength: 9 })), fc.jsonValue()),
      input: fc.oneof(fc.string({ maxLength: 9 }), fc.array(fc.string({ maxLength: 9 })), fc.jsonValue()),
      max_tokens: fc.constantFrom(1, 2, 0, -1, null, 'x', 1e9),
      temperature: fc.constantFrom(0, 1, 3, NaN, 'hot'),
      seed: fc.constantFrom(0, -5, 2 ** 52, 0.5),
      stop: fc.oneof(fc.string(), fc.array(fc.string(), { maxLength: 5 })),
      n: fc.constantFrom(1, 2, 9),
      stream: fc.oneof(fc.boolean(), fc.string()),
    },
    { requiredKeys: [] },
  )
  const path = fc.constantFrom('chat/completions', 'completions', 'embeddings')
  await fc.assert(
    fc.asyncProperty(path, fc.oneof(body, fc.jsonValue()), async (asked, sent) => {
      const response = await fetch(`${loopback.origin}/v1/${asked}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(sent),
      })
      const text = await response.text()
      expect([200, 400, 404]).toContain(response.status)
      if (response.status !== 200) expect(JSON.parse(text)).toMatchObject({ error: { message: expect.any(String) } })
    }),
    { numRuns: 40 },
  )
})

describe('keys', () => {
  test('hold their clients to a rate, and to tokens a day', async () => {
    const slow = clientOf(await node.door.api.makeDoorKey({ name: 'slow', requestsPerMinute: 2, tokensPerDay: null }))
    await untilServed(slow)
    const asked = { model: FAKE_MODEL, prompt: 'AB', max_tokens: 30, temperature: 0 }
    await slow.completions.create(asked)
    expect(await refusal(slow.completions.create(asked))).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })

    const poor = clientOf(await node.door.api.makeDoorKey({ name: 'poor', requestsPerMinute: 600, tokensPerDay: 10 }))
    await untilServed(poor)
    const { choices, usage } = await poor.completions.create(asked)
    expect(choices[0]?.finish_reason).toBe('length')
    expect(usage?.total_tokens).toBeLessThanOrEqual(18)
    expect(usage?.total_tokens).toBeGreaterThanOrEqual(10)
    expect(await refusal(poor.completions.create(asked))).toMatchObject({ status: 429 })
    day++
    expect((await poor.completions.create(asked)).choices).toHaveLength(1)
    expect(node.shown().keys.find(({ name }) => name === 'poor')?.tokensToday).toBeGreaterThanOrEqual(10)
  })

  test('are nobody’s once they are removed, and keep what was used over a reload', async () => {
    const gone = await node.door.api.makeDoorKey({ ...WIDE, name: 'gone' })
    await untilServed(clientOf(gone))
    const id = node.shown().keys.find(({ name }) => name === 'gone')?.id ?? ''
    await node.door.api.removeDoorKey(id)
    expect(await refusal(clientOf(gone).completions.create({ model: FAKE_MODEL, prompt: 'A' }))).toMatchObject({
      status: 401,
    })
    await client.completions.create({ model: FAKE_MODEL, prompt: 'AB', max_tokens: 5 })
    const used = node.shown().keys.find(({ name }) => name === 'test')?.tokensToday
    node.door.close()
    while (service.counts().doors > 0) await setTimeout(5)
    expect(await refusal(client.models.list())).toMatchObject({ status: 503, code: 'door_closed' })
    node = await createDoorNode(loopback.origin, { records, day: () => day })
    await node.until(({ state }) => state === 'open')
    await untilServed(client)
    expect(node.shown().keys.find(({ name }) => name === 'test')?.tokensToday).toBe(used)
    expect(used).toBeGreaterThan(0)
  })

  test('of one door are of no use to another that claims them', async () => {
    const other = await createDoorNode(loopback.origin, { seed: 2, records })
    // The same records: the same hashes, under another node's key.
    await other.until(({ state }) => state === 'open')
    const { data } = await client.models.list()
    expect(data[0]?.owned_by).not.toBe('')
    const before = other.shown().requests
    await client.completions.create({ model: FAKE_MODEL, prompt: 'AB', max_tokens: 2 })
    expect(other.shown().requests).toBe(before)
    other.door.close()
  })

  test('that are guessed end in 429', async () => {
    const statuses = new Set<number>()
    for (let guess = 0; guess < 30; guess++) {
      const { status } = await fetch(`${loopback.origin}/v1/models`, {
        headers: { authorization: `Bearer ck-${guess}` },
      })
      statuses.add(status)
    }
    expect([...statuses]).toEqual([401, 429])
    expect((await client.models.list()).data.length).toBeGreaterThan(0)
  })
})
