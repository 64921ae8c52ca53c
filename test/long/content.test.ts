// Models between real tabs: a second one gets its shard from the first while the server sends it none of the file, and one that
// is killed in the middle goes on with what it lacks.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilState } from '../e2e/support/app.ts'
import { createByteModel } from '../e2e/support/byte-model.ts'
import { startCountingProxy, type CountingProxy } from '../e2e/support/counting-proxy.ts'

/** About 28 MB in 110 chunks. */
const MODEL = createByteModel(384, 4)
const SIZE = MODEL['config.json'].length + MODEL['model.safetensors'].length
const FILES = '/models/bytes/'
const CHUNK = 256 * 1024

let folder: string
let server: RunningServer
let browsers: Browser[] = []
let proxies: CountingProxy[] = []
let first: Page
let second: Page
let invite: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-content-'))
  await mkdir(join(folder, 'bytes'))
  for (const name of ['config.json', 'model.safetensors'] as const) {
    await writeFile(join(folder, 'bytes', name), MODEL[name])
  }
  server = await startApp({ folders: [folder] })
  browsers = await Promise.all([launchBrowser(), launchBrowser()])
  proxies = await Promise.all([startCountingProxy(server.port), startCountingProxy(server.port)])
  first = await openTab(browsers[0] as Browser, proxies[0]?.url ?? '')
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  for (const proxy of proxies) await proxy.close()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The SHA-256 of every logit of every step, and the tokens. */
const answer = (page: Page) =>
  page.evaluate(async () => {
    const prompt = { text: 'The tide comes in' }
    const request = {
      requestId: String(Math.random()),
      modelId: 'bytes',
      prompt,
      maxTokens: 4,
      logits: 'digest',
    } as const
    const { tokens, logitsDigests } = await centram.generate({ ...request, stopAtEnd: false }, () => {})
    return { tokens, logitsDigests }
  })
const inviteFor = (proxy: CountingProxy | undefined) => `${proxy?.url ?? ''}${new URL(invite).hash}`

test('the second tab gets its shard from the first, and not a byte of the model from the server', async () => {
  await first.evaluate(() => centram.loadModel('bytes'))
  const alone = await answer(first)
  expect(proxies[0]?.bytesOf(FILES)).toBeGreaterThanOrEqual(SIZE)
  invite = await first.evaluate(() => centram.share())

  // A service worker shares the process that is killed below, and Chromium may wait for it to answer for the next page.
  const context = await browsers[1]?.newContext({ serviceWorkers: 'block' })
  second = await openTab(context as BrowserContext, inviteFor(proxies[1]))
  const split = await untilState(first, 'a placement over both', ({ placement }) => {
    return placement?.stages.length === 2 && placement.stages.every(({ status }) => status === 'ready')
  })
  const theirs = split.placement?.stages[1]
  expect(theirs?.nodeId).toBe((await stateOf(second)).id)
  expect(await answer(first)).toEqual(alone)

  expect(proxies[1]?.bytesOf(FILES)).toBe(0)
  expect(proxies[1]?.requestsOf(FILES)).toBe(0)
  // What the page shows of it comes a moment later.
  const { sharing } = await untilState(
    second,
    'what was received',
    (state) => state.sharing.fromPeers > (theirs?.bytes ?? 0) / 2,
  )
  expect(sharing.fromOrigin).toBe(0)
  expect(sharing.fromPeers).toBeLessThan(SIZE)
  expect(sharing.keptBytes).toBeGreaterThan(0)
  expect(sharing.peers).toEqual([{ id: split.id, received: sharing.fromPeers, given: 0 }])
})

test('a tab killed in the middle of a download goes on without fetching again what it had stored', async () => {
  const set = (bytesPerSecond: number | null) =>
    first.evaluate(
      (rate) => centram.setSharing({ enabled: true, bytesPerSecond: rate, keepBytes: 1e9 }),
      bytesPerSecond,
    )
  await set(4_000_000)
  const before = (await stateOf(second)).sharing.fromPeers
  await second.evaluate(() => void centram.loadModel('bytes', { placement: 'solo' }).catch(() => {}))
  await untilState(second, 'some of the rest', ({ sharing }) => sharing.fromPeers > before + 4_000_000)
  const context = second.context()
  await second.goto('chrome://crash').catch(() => undefined)

  await set(null)
  second = await openTab(context, inviteFor(proxies[1]))
  const there = await untilState(second, 'the first tab', ({ peers }) => peers.some(({ link }) => link === 'open'))
  expect(there.sharing.fromPeers).toBe(0)
  const { fetchBytes } = await second.evaluate(() => centram.estimateModel('bytes'))
  expect(fetchBytes).toBeLessThan(SIZE - before)
  await second.evaluate(() => centram.loadModel('bytes', { placement: 'solo' }))
  const { sharing } = await untilState(second, 'the rest', (state) => state.sharing.fromPeers >= fetchBytes)
  // A chunk whose beginning was there as the header came whole.
  expect(sharing.fromPeers).toBeLessThanOrEqual(fetchBytes + 2 * CHUNK)
  expect(proxies[1]?.bytesOf(FILES)).toBe(0)
  // Each tab measured the kernel shapes that it asks in, so the bits may differ; the tokens do not.
  expect((await answer(second)).tokens).toEqual((await answer(first)).tokens)
})
