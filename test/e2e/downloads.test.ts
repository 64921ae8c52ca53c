// Model files that break on their way, or are broken: downloads go on where they stopped, and nothing bad is kept or used.

import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { ModelState } from '../../worker/node/api.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from './support/app.ts'
import { createByteModel } from './support/byte-model.ts'
import { startFlakyServer, type FlakyServer } from './support/flaky-server.ts'

/** About 28 MB, which is several of the pieces that are fetched and stored at once. */
const MODEL = createByteModel(384, 4)
const SIZE = MODEL['model.safetensors'].length
const MIB = 1024 * 1024
const GGUF = 'test/vectors/models/llama-gguf-q4_0/model.gguf'

let server: RunningServer
let host: FlakyServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startApp()
  host = await startFlakyServer({
    'model/config.json': MODEL['config.json'],
    'model/model.safetensors': MODEL['model.safetensors'],
  })
  browser = await launchBrowser()
  page = await openTab(browser, server.url)
})
afterAll(async () => {
  await browser?.close()
  await host?.close()
  await server?.stop()
})

const find = (models: readonly ModelState[], id: string) => models.find((model) => model.id === id)

test('a download that breaks again and again, and a page reloaded in the middle, go on where they stopped', async () => {
  const id = await page.evaluate((url) => centram.addModel({ kind: 'url', url }), `${host.url}model/`)
  const estimate = await page.evaluate((model) => centram.estimateModel(model), id)
  expect(estimate.fetchBytes).toBeGreaterThan(SIZE - MIB)

  // Every answer is cut off after 3 MiB, and half way through the host goes away altogether.
  host.cutAfter = 3 * MIB
  host.awayAfter = SIZE / 2
  await page.evaluate((model) => void centram.loadModel(model).catch(() => {}), id)
  await expect.poll(() => host.sentBytes, { timeout: 30_000 }).toBeGreaterThanOrEqual(SIZE / 2)
  const before = await untilState(page, 'some of it to be stored', ({ models }) => {
    return (find(models, id)?.storedBytes ?? 0) > 4 * MIB
  })
  expect(find(before.models, id)?.status).toBe('fetching')

  await page.reload()
  await untilNode(page)
  const listed = await untilState(page, 'the model to be listed again', ({ models }) => find(models, id) !== undefined)
  expect(find(listed.models, id)?.status).toBe('listed')

  host.awayAfter = Number.POSITIVE_INFINITY
  await page.evaluate((model) => centram.loadModel(model, { placement: 'solo' }), id)
  const after = await stateOf(page)
  expect(find(after.models, id)).toMatchObject({ status: 'ready', error: null })
  // What had not been stored when the page went is fetched twice: at most the pieces then in flight.
  expect(host.sentBytes).toBeLessThan(SIZE + 16 * MIB)
  const answer = await page.evaluate(
    (modelId) => centram.generate({ requestId: 'r', modelId, prompt: { text: 'a' }, maxTokens: 2 }, () => {}),
    id,
  )
  expect(answer.tokens).toHaveLength(2)
})

test('a stored model loads again without the host', async () => {
  const [model] = (await stateOf(page)).models.filter(({ origin }) => origin === 'url')
  host.awayAfter = 0
  await page.reload()
  await untilNode(page)
  const sent = host.sentBytes
  await page.evaluate((id) => centram.loadModel(id), model?.id ?? '')
  expect(host.sentBytes).toBe(sent)
  expect(find((await stateOf(page)).models, model?.id ?? '')?.status).toBe('ready')
  host.awayAfter = Number.POSITIVE_INFINITY
})

interface Refusal {
  readonly what: string
  readonly files: (gguf: Buffer) => Readonly<Record<string, Buffer>>
  /** What the message must say: which file, and where in it. */
  readonly says: readonly RegExp[]
}

const SMALL = createByteModel(64, 2)
const WEIGHTS = SMALL['model.safetensors']

const REFUSALS: readonly Refusal[] = [
  {
    what: 'A GGUF cut off in its weights',
    files: (gguf) => ({ 'cut.gguf': gguf.subarray(0, gguf.length - 1000) }),
    says: [/cut\.gguf/, /71,?960/],
  },
  {
    what: 'A GGUF cut off in its header',
    files: (gguf) => ({ 'stub.gguf': gguf.subarray(0, 300) }),
    says: [/stub\.gguf/, /300/],
  },
  {
    what: 'A GGUF with garbage in its header',
    files: (gguf) => ({
      'noise.gguf': Buffer.concat([gguf.subarray(0, 24), Buffer.alloc(40, 255), gguf.subarray(64)]),
    }),
    says: [/noise\.gguf/, /\d/],
  },
  {
    what: 'A picture that calls itself a GGUF',
    files: () => ({ 'holiday.gguf': Buffer.from('JFIF'.repeat(100)) }),
    says: [/holiday\.gguf/],
  },
  {
    what: 'A Hugging Face folder whose weights are cut short',
    files: () => ({
      'config.json': SMALL['config.json'],
      'model.safetensors': WEIGHTS.subarray(0, WEIGHTS.length - 5000),
    }),
    says: [/model\.safetensors/, /\d/],
  },
  {
    what: 'A Hugging Face folder with a broken config',
    files: () => ({ 'config.json': SMALL['config.json'].subarray(0, 90), 'model.safetensors': WEIGHTS }),
    says: [/config\.json/],
  },
]

test.each(REFUSALS)('$what is refused, with what is wrong and where', async ({ files, says }) => {
  const before = (await stateOf(page)).models.map(({ id }) => id)
  const panel = page.getByRole('region', { name: 'Models' }).first()
  if (!(await panel.isVisible())) await page.getByRole('button', { name: /^Model: |^Choose a model$/ }).click()
  const given = Object.entries(files(await readFile(GGUF)))
  const mimeType = 'application/octet-stream'
  await panel.locator('input[type=file]').setInputFiles(given.map(([name, buffer]) => ({ name, buffer, mimeType })))
  await page.getByText('Reading the model’s headers').first().waitFor({ state: 'hidden' })
  const alert = panel.locator('model-list > [role=alert]')
  await alert.waitFor()
  const message = await alert.innerText()
  for (const pattern of says) expect(message).toMatch(pattern)
  expect((await stateOf(page)).models.map(({ id }) => id)).toEqual(before)
})

test('a download that does not match its SHA-256 is refused and deleted, and the right file is taken afterwards', async () => {
  const tab = await browser.newPage()
  let sha256 = '0'.repeat(64)
  const small = await readFile(GGUF)
  const files = await startFlakyServer({ 'small.gguf': small })
  await tab.route('**/api/models', (route) =>
    route.fulfill({
      json: {
        models: [
          {
            id: 'checked',
            title: 'Checked',
            url: `${files.url}small.gguf`,
            origin: 'server',
            sizeBytes: small.length,
            sha256,
          },
        ],
      },
    }),
  )
  await tab.goto(server.url)
  await untilNode(tab)
  const code = await tab.evaluate(() =>
    centram.loadModel('checked').then(
      () => 'loaded',
      (error: unknown) => (error as { code: string }).code,
    ),
  )
  expect(code).toBe('SOURCE_CORRUPT')
  const model = find((await stateOf(tab)).models, 'checked')
  expect(model).toMatchObject({ status: 'failed', storedBytes: 0 })
  expect(model?.error?.message).toContain('small.gguf')

  sha256 = [...new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(small)))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
  await tab.reload()
  await untilNode(tab)
  await tab.evaluate(() => centram.loadModel('checked'))
  expect(find((await stateOf(tab)).models, 'checked')?.status).toBe('ready')
  await files.close()
  await tab.close()
})
