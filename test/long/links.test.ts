// Links through the faults of a network: a cut of 25 seconds, and a node that dies without a word. Real tabs, and a network
// that Chromium shapes.

import { randomBytes } from 'node:crypto'
import type { Browser, CDPSession, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureLinkPage } from '../../signaling-server/cli/bench/link-page.ts'
import { openLinkPair, type LinkBenchPage, type LinkPair } from '../../signaling-server/cli/bench/link-pair.ts'
import { launchServer } from '../../signaling-server/cli/launch.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { NodeState } from '../../worker/node/api.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'
import { openWatchedPage, openWatchedTab } from './support/connections.ts'

const CUT_MS = 25_000
const REQUEST = {
  modelId: 'toy',
  prompt: { text: 'It was the third day of the voyage.' },
  sampling: { temperature: 0 },
}
const TOKENS = 80

let server: RunningServer
let first: Browser
let second: Browser

beforeAll(async () => {
  server = await startApp()
  first = await launchBrowser()
  second = await launchBrowser()
})
afterAll(async () => {
  await first?.close()
  await second?.close()
  await server?.stop()
})

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Only connections opened after the first call are shaped. */
async function shape(session: CDPSession, packetLoss: number): Promise<void> {
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    // Without a delay nothing is shaped at all.
    latency: 1,
    downloadThroughput: -1,
    uploadThroughput: -1,
    packetLoss,
  })
}

function generate(page: Page, requestId: string) {
  return page.evaluate(
    ([request, id, maxTokens]) =>
      centram.generate({ ...request, requestId: id, maxTokens, logits: 'digest', stopAtEnd: false }, (event) => {
        if (event.type === 'token') globalThis.tokensSeen = (globalThis.tokensSeen ?? 0) + 1
      }),
    [REQUEST, requestId, TOKENS] as const,
  )
}

interface Sight {
  readonly link: string
  /** What the browser thought of the connection then. */
  readonly connection: string
  readonly at: number
}

declare global {
  var tokensSeen: number | undefined
}

const isSplit = ({ placement }: NodeState) =>
  placement?.stages.length === 2 && placement.stages.every((stage) => stage.status === 'ready')

test('a cut of 25 s heals by an ICE restart of the same link, and the answer in the middle of it has every bit right', async () => {
  const page = await openWatchedPage(first)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  await shape(cdp, 0)
  await page.goto(server.url)
  await untilNode(page)
  await untilState(page, 'the server', (state) => state.server.state === 'open')
  await page.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  const alone = await generate(page, 'alone')
  await openTab(second, await page.evaluate(() => centram.share()))
  await untilState(page, 'the link', ({ peers }) => peers[0]?.link === 'open')
  await page.evaluate(() => centram.loadModel('toy'))
  await untilState(page, 'a placement over both', isSplit)
  const ufrag = () =>
    page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(connections[0]?.currentLocalDescription?.sdp ?? '')?.[1])
  const before = await ufrag()

  const running = generate(page, 'cut')
  await page.waitForFunction(() => (globalThis.tokensSeen ?? 0) > 84)
  await shape(cdp, 100)
  const cutAt = Date.now()
  await untilState(page, 'the silence to be told', ({ peers }) => peers[0]?.link === 'interrupted', 10_000)
  const answer = await running
  expect(answer.tokens).toEqual(alone.tokens)
  expect(answer.logitsDigests).toEqual(alone.logitsDigests)
  await pause(cutAt + CUT_MS - Date.now())
  expect((await stateOf(page)).peers[0]?.link).toBe('interrupted')
  await shape(cdp, 0)
  const healed = Date.now()
  await untilState(page, 'the link again', ({ peers }) => peers[0]?.link === 'open', 20_000)
  console.log(`healed ${Date.now() - healed} ms after the cut ended`)
  expect(await ufrag(), 'new ICE credentials').not.toBe(before)
  expect(await page.evaluate(() => connections[0]?.connectionState)).toBe('connected')
  await untilState(page, 'a placement over both again', isSplit)
  const again = await generate(page, 'again')
  expect(again.stages).toHaveLength(2)
  expect(again.logitsDigests).toEqual(alone.logitsDigests)
})

test('numbered messages sent all through a cut of 25 s arrive once each and in their order', async () => {
  const links = await launchServer({ port: 0, host: '127.0.0.1', webFolder: await ensureLinkPage() })
  let pair: LinkPair | undefined
  try {
    pair = await openLinkPair(links.url, () => randomBytes(16).toString('hex'))
    await pair.shape({ delayMs: 4, lossPercent: 0 })
    await pair.open('centram')
    const [a, b] = pair.pages
    const ask = <Result>(page: Page, question: (bench: LinkBenchPage['linkBench']) => Result) =>
      page.evaluate<Awaited<Result>>(`(${question.toString()})(globalThis.linkBench)`)
    for (const page of [a, b]) await ask(page, (bench) => bench.centram().startCounting(20))
    await pause(2000)
    await pair.shape({ delayMs: 4, lossPercent: 100 })
    await pause(CUT_MS)
    const during = await ask(b, (bench) => bench.centram().state())
    expect(during.link).toBe('interrupted')
    const { received: heard } = await ask(b, (bench) => bench.centram().counted())
    await pair.shape({ delayMs: 4, lossPercent: 0 })
    await expect
      .poll(() => ask(b, (bench) => bench.centram().state()), { timeout: 20_000 })
      .toEqual({ link: 'open', losses: 0 })
    await pause(1000)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const sent = await ask(from, (bench) => bench.centram().stopCounting())
      // Of 28 s at 50 a second; timers may be late.
      expect(sent).toBeGreaterThan(500)
      await expect
        .poll(() => ask(to, (bench) => bench.centram().counted()), { timeout: 20_000 })
        .toEqual({ received: sent, inOrder: true })
    }
    expect(heard).toBeLessThan((await ask(b, (bench) => bench.centram().counted())).received - 300)
    expect(await ask(a, (bench) => bench.centram().state())).toEqual({ link: 'open', losses: 0 })
  } finally {
    await pair?.close()
    await links.stop()
  }
})

test('a killed browser is found by the heartbeat, before its connection shows anything', async () => {
  const page = await openWatchedTab(first, server.url)
  await untilState(page, 'the server', (state) => state.server.state === 'open')
  const victim = await launchBrowser({ gpu: false })
  await openTab(victim, await page.evaluate(() => centram.share()))
  await untilState(page, 'the link', ({ peers }) => peers[0]?.link === 'open')
  // What the page shows, with its own times: nothing here waits on the test.
  await page.evaluate(() => {
    const seen: Sight[] = []
    Object.assign(globalThis, { seen })
    void centram.watch(({ peers }) => {
      const link = peers[0]?.link ?? 'gone'
      const connection = connections[0]?.connectionState ?? 'none'
      if (seen.at(-1)?.link !== link) seen.push({ link, connection, at: performance.now() })
    })
  })
  const crashing = await victim.newBrowserCDPSession()
  const killedAt = await page.evaluate(() => performance.now())
  await crashing.send('Browser.crash').catch(() => {})
  const seen = () => page.evaluate(() => (globalThis as unknown as { seen: Sight[] }).seen)
  await expect.poll(async () => (await seen()).at(-1)?.link, { timeout: 60_000 }).not.toBe('open')
  const [open, silent] = await seen()
  expect(open?.link).toBe('open')
  // The browser's own finding comes after 5 s.
  expect(silent).toMatchObject({ link: 'interrupted', connection: 'connected' })
  console.log(`silent after ${Math.round((silent?.at ?? 0) - killedAt)} ms`)
  await victim.close().catch(() => {})
  await page.close()
})
