// The door of a real tab, used by OpenAI's own package: a person opens it and makes a key by pressing, and a program outside is
// answered by the model on the tab's GPU, bit for bit as the tab answers itself; by two tabs together as by one.

import OpenAI from 'openai'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, untilState } from '../e2e/support/app.ts'

const PROMPT = 'The whale came up beside the boat, and'
const TOKENS = 24
const ADAPTER = 'toy:talk-of-tides'

let server: RunningServer
let browser: Browser
let page: Page
let client: OpenAI

beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser()
  page = await openTab(browser, server.url)
  await untilState(page, 'a GPU', ({ gpu }) => gpu.kind === 'ready')
  await page.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  const node = page.getByRole('link', { name: 'Node' }).or(page.getByRole('button', { name: 'Node' }))
  await node.first().click()
  const card = page.locator('door-card')
  await card.getByRole('button', { name: 'Open the door' }).click()
  await card.locator('[data-door=open]').waitFor()
  await card.getByLabel('For which program').fill('A test')
  await card.getByRole('button', { name: 'Make a key' }).click()
  const apiKey = (await card.locator('[data-door-key]').textContent()) ?? ''
  client = new OpenAI({ apiKey, baseURL: `${server.url}v1`, maxRetries: 3 })
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const answerOf = (tab: Page) =>
  tab.evaluate(
    async ([text, maxTokens]) => {
      const request = { requestId: 'own', modelId: 'toy', prompt: { text }, maxTokens, stopAtEnd: true }
      return (await centram.generate(request, () => undefined)).text
    },
    [PROMPT, TOKENS] as const,
  )

const completion = (model = 'toy') =>
  client.completions.create({ model, prompt: PROMPT, max_tokens: TOKENS, temperature: 0 })

test('a program is given what the tab gives itself, whole and streamed', async () => {
  const wanted = await answerOf(page)
  const whole = await completion()
  expect(whole.choices[0]?.text).toBe(wanted)
  expect(whole.usage).toMatchObject({ prompt_tokens: PROMPT.length, completion_tokens: TOKENS })
  const stream = await client.chat.completions.create({
    model: 'toy',
    messages: [{ role: 'user', content: 'Call me Ishmael.' }],
    max_completion_tokens: TOKENS,
    stream: true,
    stream_options: { include_usage: true },
  })
  let pieces = 0
  let completed: number | undefined
  for await (const { choices, usage } of stream) {
    if (choices[0]?.delta.content) pieces++
    completed = usage?.completion_tokens ?? completed
  }
  expect(pieces).toBeGreaterThan(1)
  expect(completed).toBe(TOKENS)
})

test('embeddings are of length 1, follow from the text alone, and are nearer for nearer texts', async () => {
  const input = ['The whale rose beside the boat.', 'A whale rose near the boat.', '3 + 4 = 7; x[i] += 0x1F;']
  const { data } = await client.embeddings.create({ model: 'toy', input, encoding_format: 'float' })
  const again = await client.embeddings.create({ model: 'toy', input: input[0] ?? '', encoding_format: 'float' })
  expect(again.data[0]?.embedding).toEqual(data[0]?.embedding)
  const [a = [], b = [], c = []] = data.map(({ embedding }) => embedding)
  const cosine = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0)
  expect(cosine(a, a)).toBeCloseTo(1, 5)
  expect(cosine(a, b)).toBeGreaterThan(cosine(a, c))
})

test('an adapter is a model of its own: the base stays the base, whatever the person at the tab chose', async () => {
  const base = (await completion()).choices[0]?.text
  await page.evaluate(
    (text) =>
      centram.startTraining({
        modelId: 'toy',
        name: 'Talk of tides',
        files: [new Blob([text])],
        names: ['tides.txt'],
        lora: { targets: ['attn_qkv'], rank: 4, alpha: 64, rankStabilised: false, dropout: 0, freezeA: false },
        steps: 3,
        batchSize: 2,
        sequenceLength: 24,
        learningRate: 0.05,
        heldOutFraction: 0.1,
        seed: 1,
        licence: 'CC0-1.0',
      }),
    'The tide comes in and the tide goes out again, and the moon is over the bay. '.repeat(12),
  )
  await untilState(page, 'the adapter in the list', ({ door }) => door.models.some(({ name }) => name === ADAPTER))
  expect((await client.models.list()).data.map(({ id }) => id)).toContain(ADAPTER)
  const adapted = (await completion(ADAPTER)).choices[0]?.text
  expect(adapted).not.toBe(base)
  expect((await completion()).choices[0]?.text).toBe(base)
  const { genomes } = await untilState(page, 'a genome', (state) => state.genomes.length > 0)
  await page.evaluate((genomeId) => centram.setAdapters('toy', [{ genomeId, weight: 1 }]), genomes[0]?.id ?? '')
  expect(await answerOf(page)).toBe(adapted)
  expect((await completion()).choices[0]?.text).toBe(base)
  expect(await answerOf(page)).toBe(adapted)
  await page.evaluate(() => centram.setAdapters('toy', []))
})

test('with the layers over two tabs, text and embeddings keep their bits', async () => {
  const [alone, embedded] = await Promise.all([
    completion(),
    client.embeddings.create({ model: 'toy', input: PROMPT, encoding_format: 'float' }),
  ])
  const invite = await page.evaluate(() => centram.share())
  const helper = await openTab(await browser.newContext(), invite)
  await untilState(page, 'the other tab', ({ peers }) => peers.some(({ light, link }) => link === 'open' && !light))
  await page.evaluate(() => centram.loadModel('toy', { placement: 'swarm' }))
  await untilState(page, 'two stages', ({ placement }) => placement?.stages.length === 2)
  const { choices } = await completion()
  expect(choices[0]?.text).toBe(alone.choices[0]?.text)
  const split = await client.embeddings.create({ model: 'toy', input: PROMPT, encoding_format: 'float' })
  expect(split.data[0]?.embedding).toEqual(embedded.data[0]?.embedding)
  await helper.close()
})

test('a client that goes ends its answer, and a closed door answers nobody', async () => {
  const stream = await client.completions.create({ model: 'toy', prompt: PROMPT, max_tokens: 60, stream: true })
  for await (const _ of stream) break
  await untilState(page, 'an idle door', ({ door }) => door.running === 0 && door.requests > 0)
  await page.evaluate(() => centram.setDoor(false))
  const refused = await new OpenAI({ apiKey: client.apiKey, baseURL: client.baseURL, maxRetries: 0 }).models
    .list()
    .catch((error: unknown) => error)
  expect(refused).toMatchObject({ status: 503, code: 'door_closed' })
})
