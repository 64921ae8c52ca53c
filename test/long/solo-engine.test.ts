// Engines that are not ours, once a person picks one and not before: llama.cpp in WebAssembly for a tab without a GPU, ONNX Runtime
// Web on a GPU, and WebLLM, whose own files are out of reach here, which it says.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'
import { askAndWait, setAnswerLength, textOf } from '../e2e/support/chat.ts'

const MODEL = 'smollm2-135m'

let server: RunningServer
const browsers: Browser[] = []
beforeAll(async () => {
  server = await startApp()
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  await server?.stop()
})

async function openBrowser(options?: { gpu: false }): Promise<Browser> {
  const browser = await launchBrowser(options)
  browsers.push(browser)
  return browser
}

/** What a tab fetches from now on of `kind`. */
function watchRequests(page: Page, kind: RegExp): readonly string[] {
  const fetched: string[] = []
  page.context().on('request', (request) => {
    if (kind.test(request.url())) fetched.push(request.url())
  })
  return fetched
}

test('a person picks llama.cpp, the tab answers by itself, and stops when it is told to', async () => {
  const page = await openTab(await openBrowser({ gpu: false }), server.url)
  await setAnswerLength(page, 16)
  const fetched = watchRequests(page, /wllama/)
  await page.reload()
  await untilNode(page)
  await untilState(page, 'to know that there is no GPU', ({ gpu }) => gpu.kind === 'none')
  await page.getByRole('button', { name: 'Get a real model' }).first().click()
  const row = page.locator(`[data-model="${MODEL}"]`)
  await row.getByText('llama.cpp can run the model on the processor').waitFor()
  expect(fetched).toEqual([])
  await row.getByRole('button', { name: 'Run on the processor (llama.cpp)' }).click()
  await untilState(page, 'the engine', ({ engine }) => engine?.modelId === MODEL)
  await row.getByText('answers on the processor, by llama.cpp').waitFor()

  const answer = await askAndWait(page, 'The captain looked at the sea and')
  expect((await textOf(answer)).length).toBeGreaterThan(20)
  expect(await answer.innerText()).toMatch(/\d+ tokens · .* tokens\/s/)
  const again = await page.evaluate(
    (modelId) => centram.generate({ requestId: 'a', modelId, prompt: { text: 'the sea' }, maxTokens: 8 }, () => {}),
    MODEL,
  )
  const twice = await page.evaluate(
    (modelId) => centram.generate({ requestId: 'b', modelId, prompt: { text: 'the sea' }, maxTokens: 8 }, () => {}),
    MODEL,
  )
  expect(twice.text).toBe(again.text)

  const stopped = page.evaluate(
    (modelId) =>
      centram.generate(
        { requestId: 'c', modelId, prompt: { text: 'the sea' }, maxTokens: 400 },
        () => void centram.stop('c'),
      ),
    MODEL,
  )
  expect((await stopped).finish).toBe('cancelled')
  await page.evaluate((modelId) => centram.unloadModel(modelId), MODEL)
  expect((await stateOf(page)).engine).toBeNull()
})

test('ONNX Runtime gives the tokens that our own engine gives, and lets go of the model', async () => {
  const page = await openTab(await openBrowser(), server.url)
  const fetched = watchRequests(page, /onnx|ort-wasm/)
  await untilState(page, 'a GPU', ({ gpu }) => gpu.kind === 'ready')
  const ask = (requestId: string) =>
    page.evaluate(
      (id) =>
        centram.generate(
          { requestId: id, modelId: 'toy', prompt: { text: 'The captain looked at the sea and' }, maxTokens: 40 },
          () => undefined,
        ),
      requestId,
    )
  await page.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  const ours = await ask('ours')
  expect(fetched).toEqual([])
  expect((await page.evaluate(() => centram.estimateModel('toy'))).engines).toEqual(['onnx'])

  await page.evaluate(() => centram.loadWithEngine('toy', 'onnx'))
  expect(await stateOf(page)).toMatchObject({ engine: { engine: 'onnx', modelId: 'toy' }, placement: null })
  const theirs = await ask('theirs')
  expect(theirs.text).toBe(ours.text)
  expect(theirs.tokens).toEqual(ours.tokens)
  expect(theirs).toMatchObject({ finish: 'length', promptTokens: ours.promptTokens, stages: [] })
  // What the cache holds of the first answer begins the second one's prompt.
  expect((await ask('again')).text).toBe(ours.text)
  const stopped = page.evaluate(() =>
    centram.generate(
      { requestId: 'c', modelId: 'toy', prompt: { text: 'the sea' }, maxTokens: 100 },
      () => void centram.stop('c'),
    ),
  )
  expect((await stopped).finish).toBe('cancelled')
  await page.evaluate(() => centram.unloadModel('toy'))
  expect((await stateOf(page)).engine).toBeNull()
  await page.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  expect((await ask('back')).tokens).toEqual(ours.tokens)
})

test('WebLLM says where its files would come from, and that they cannot be had', async () => {
  const page = await openTab(await openBrowser(), server.url)
  await page.context().route(/huggingface\.co|githubusercontent\.com/, (route) => route.abort())
  await page.getByRole('button', { name: 'Get a real model' }).first().click()
  const row = page.locator(`[data-model="${MODEL}"]`)
  await row.getByText(/huggingface\.co and a compiled model from raw\.githubusercontent\.com/).waitFor()
  await row.getByRole('button', { name: 'Run with WebLLM' }).click()
  await row.getByText(/WebLLM cannot run .* See whether this device reaches both, or take another engine/).waitFor()
  expect((await stateOf(page)).engine).toBeNull()
})
