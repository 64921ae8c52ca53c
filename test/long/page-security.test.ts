// The page as it is served, from the first byte to an answer and through its apps: nothing of it comes from elsewhere, nothing
// breaks its policy, and the script that a first answer takes stays under what a first visit may cost.

import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

const MOST_SCRIPT_BYTES = 300_000

let server: RunningServer
let browser: Browser
let page: Page
const requested: string[] = []
const scripts = new Map<string, number>()
const refused: string[] = []

beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser()
  // Without the service worker, which fetches the rest of the page once the visit has begun.
  const context = await browser.newContext({ serviceWorkers: 'block' })
  context.on('request', (request) => requested.push(request.url()))
  context.on('response', async (response) => {
    if (!response.url().endsWith('.js')) return
    scripts.set(response.url(), gzipSync(await response.body(), { level: 9 }).length)
  })
  page = await context.newPage()
  page.on('console', (message) => {
    if (/Content.Security.Policy|Trusted ?(?:Types|Script|HTML)/i.test(message.text())) refused.push(message.text())
  })
  page.on('pageerror', (error) => refused.push(error.message))
  await page.goto(server.url)
  await untilNode(page)
})

afterAll(async () => {
  await browser.close()
  await server.stop()
})

test('a first answer takes no more script than a first visit may cost', async () => {
  const { models } = await untilState(page, 'the GPU and the models', ({ models, gpu }) => {
    return gpu.kind === 'ready' && models.some(({ origin }) => origin === 'built-in')
  })
  const modelId = models.find(({ origin }) => origin === 'built-in')!.id
  const { text } = await page.evaluate(async (modelId) => {
    await centram.loadModel(modelId)
    const asked = { requestId: 'first', modelId, prompt: { text: 'Call me' }, maxTokens: 4 }
    return centram.generate(asked, () => undefined)
  }, modelId)
  expect(text.length).toBeGreaterThan(0)
  expect((await stateOf(page)).placement?.modelId).toBe(modelId)

  const bytes = [...scripts.values()].reduce((sum, size) => sum + size, 0)
  console.log(`${scripts.size} scripts of ${bytes} bytes, compressed, until the first answer`)
  expect(scripts.size).toBeGreaterThan(2)
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES)
})

test('every app opens under the policy, and nothing was asked of anybody but the server', async () => {
  const apps = page.locator('button.tab')
  expect(await apps.count()).toBeGreaterThan(2)
  for (const app of await apps.all()) {
    await app.click()
    await page.waitForTimeout(300)
  }
  expect(refused).toEqual([])
  expect(requested.length).toBeGreaterThan(5)
  expect(requested.filter((url) => !url.startsWith(server.url) && !/^(?:data|blob):/.test(url))).toEqual([])
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
})

test('text becomes neither HTML nor code, and a script of another server is no worker', async () => {
  const tried = await page.evaluate(async () => {
    // Who drives the page may evaluate text, so this runs in a turn of the page's own.
    await new Promise((resolve) => setTimeout(resolve))
    const fails = (work: () => unknown) => {
      try {
        work()
        return 'done'
      } catch (error) {
        return (error as Error).name
      }
    }
    return {
      html: fails(() => (document.createElement('p').innerHTML = '<b>x</b>')),
      // eslint-disable-next-line @typescript-eslint/no-implied-eval
      code: fails(() => new Function('return 1')),
      worker: fails(() => new Worker('https://example.org/worker.js')),
    }
  })
  expect(tried).toEqual({ html: 'TypeError', code: 'EvalError', worker: 'TypeError' })
  const inline = await page.evaluate(() => {
    const script = document.createElement('script')
    script.append('globalThis.ran = true')
    try {
      document.head.append(script)
    } catch {
      // Refused while it was put in place: as good.
    }
    return 'ran' in globalThis
  })
  expect(inline).toBe(false)
})
