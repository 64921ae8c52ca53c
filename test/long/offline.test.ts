// The page without its server: once opened and used, it opens again, has its conversation, and answers with what is stored.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, untilNode, untilState } from '../e2e/support/app.ts'

let server: RunningServer
let browser: Browser
beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser.close()
})

/** Greedy, so that both answers must be the same. */
function answer(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const request = { requestId: crypto.randomUUID(), modelId: 'toy', prompt: { text: 'The whale ' }, maxTokens: 8 }
    return (await centram.generate({ ...request, sampling: { temperature: 0 } }, () => {})).text
  })
}

test('the browser would install the page', async () => {
  const page = await openTab(browser, server.url)
  const session = await page.context().newCDPSession(page)
  expect((await session.send('Page.getAppManifest')).errors).toEqual([])
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // The test's own profile is one of those that keep nothing.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
  await page.close()
})

test('a page that was used opens without its server and answers with the stored model', async () => {
  const page = await openTab(browser, server.url)
  await page.evaluate(() => centram.loadModel('toy'))
  const before = await answer(page)
  expect(before).not.toBe('')
  const kept = await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    const [name = ''] = await caches.keys()
    const keys = await (await caches.open(name)).keys()
    return keys.map(({ url }) => new URL(url).pathname)
  })
  expect(kept).toContain('/')
  expect(kept.some((path) => path.startsWith('/models/') || path.startsWith('/bench/'))).toBe(false)

  await server.stop()
  await page.reload()
  await untilNode(page)
  await untilState(page, 'the GPU', ({ gpu }) => gpu.kind === 'ready')
  await page.evaluate(() => centram.loadModel('toy'))
  expect(await answer(page)).toBe(before)
  await page.close()
}, 60_000)
