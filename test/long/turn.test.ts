// Links through a TURN relay: two browsers that may use nothing else, Debian's coturn, and credentials from our server.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchServer } from '../../signaling-server/cli/launch.ts'
import { ensureWebApp } from '../../signaling-server/cli/web-build.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import { grantRelay, type RelayGrant } from '../../signaling-server/turn.ts'
import { launchBrowser, stateOf, untilState } from '../e2e/support/app.ts'
import { candidatesOf, openWatchedTab, remoteCandidatesOf } from './support/connections.ts'
import { startCoturn, type Coturn } from './support/coturn.ts'

/** Short, so that a test sees it renewed. */
const LIFETIME_S = 8

let coturn: Coturn
let server: RunningServer
let browsers: readonly Browser[]

beforeAll(async () => {
  await ensureWebApp(() => {})
  coturn = await startCoturn('shared in this test')
  server = await launchServer({
    port: 0,
    host: '127.0.0.1',
    turn: { urls: [coturn.url], secret: coturn.secret, lifetimeS: LIFETIME_S },
  })
  browsers = [await launchBrowser(), await launchBrowser({ gpu: false })]
})
afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close()
  await server?.stop()
  await coturn?.stop()
})

/** Two tabs of different browsers in one room; `search` goes before the invite of both. */
async function openPair(search: string): Promise<readonly [Page, Page]> {
  const first = await openWatchedTab(browsers[0] as Browser, `${server.url}${search}`)
  await untilState(first, 'the server', (state) => state.server.state === 'open')
  const invite = new URL(await first.evaluate(() => centram.share()))
  invite.search = search
  const second = await openWatchedTab(browsers[1] as Browser, invite.href)
  return [first, second]
}

const isLinked = (page: Page) =>
  untilState(page, 'a link whose path is known', ({ peers }) => peers[0]?.link === 'open' && peers[0].path !== null)

test('two tabs that may only use relays chat over one, and say so', async () => {
  const [asker, light] = await openPair('?path=relayed')
  for (const page of [asker, light]) {
    expect((await isLinked(page)).peers[0]?.path).toBe('relayed')
    const found = await candidatesOf(page)
    expect(found.length).toBeGreaterThan(0)
    for (const candidate of found) expect(candidate).toMatch(/ typ relay raddr 0\.0\.0\.0 /)
  }
  await asker.evaluate(() => centram.loadModel('toy'))
  await untilState(light, 'a node that answers', ({ peers }) => peers[0]?.models[0]?.id === 'toy')
  const [alone, relayed] = await Promise.all(
    [asker, light].map((page) =>
      page.evaluate(() =>
        centram.generate(
          {
            requestId: crypto.randomUUID(),
            modelId: 'toy',
            prompt: { text: 'Call me' },
            maxTokens: 16,
            sampling: { temperature: 0 },
          },
          () => {},
        ),
      ),
    ),
  )
  expect(relayed?.tokens).toHaveLength(16)
  expect(relayed?.text).toBe(alone?.text)
  for (const page of [asker, light]) {
    await page.getByRole('button', { name: 'Node', exact: true }).click()
    await page.locator('peer-list').getByText('relayed').waitFor({ timeout: 10_000 })
  }
  for (const page of [asker, light]) await page.close()
})

test('tabs that can reach each other do not use the relay, find each other by mDNS names, and tell no public address', async () => {
  const pair = await openPair('')
  for (const page of pair) expect((await isLinked(page)).peers[0]?.path).toBe('direct')
  for (const page of pair) {
    expect(await candidatesOf(page)).toContainEqual(expect.stringMatching(/ [0-9a-f-]{36}\.local \d+ typ host/))
    const told = await remoteCandidatesOf(page)
    expect(told.length).toBeGreaterThan(0)
    for (const candidate of told) {
      expect(candidate).not.toContain('typ srflx')
      expect(candidate).toMatch(/\.local \d+ typ host| typ relay raddr 0\.0\.0\.0 /)
    }
    await page.close()
  }
})

test('credentials are renewed before they end, for links that stand too', async () => {
  const [page, other] = await openPair('?path=relayed')
  await isLinked(page)
  const username = () =>
    page.evaluate(() => String(globalThis.connections.at(-1)?.getConfiguration().iceServers?.[0]?.username))
  const before = await username()
  expect(before).toMatch(new RegExp(`^\\d{10}:${(await stateOf(page)).id}$`))
  await expect.poll(username, { timeout: LIFETIME_S * 1000 }).not.toBe(before)
  expect(Number.parseInt(await username())).toBeGreaterThan(Number.parseInt(before))
  for (const tab of [page, other]) await tab.close()
})

test('the relay refuses credentials that have ended or were made with another secret', async () => {
  const page = await (browsers[0] as Browser).newPage()
  await page.goto(server.url)
  const urls = [coturn.url]
  const gather = (grant: RelayGrant) =>
    page.evaluate(async ({ username, credential, urls: addresses }) => {
      const pc = new RTCPeerConnection({
        iceServers: [{ urls: addresses, username, credential }],
        iceTransportPolicy: 'relay',
      })
      const errors: number[] = []
      let relays = 0
      const done = new Promise<void>((resolve) => {
        pc.addEventListener('icegatheringstatechange', () => {
          if (pc.iceGatheringState === 'complete') resolve()
        })
      })
      pc.addEventListener('icecandidate', ({ candidate }) => void (relays += candidate?.candidate ? 1 : 0))
      pc.addEventListener('icecandidateerror', ({ errorCode }) => errors.push(errorCode))
      pc.createDataChannel('any')
      await pc.setLocalDescription()
      await done
      pc.close()
      return { relays, errors }
    }, grant)
  const now = Date.now()
  const good = await gather(grantRelay({ urls, secret: coturn.secret }, 'ada', now))
  expect(good.relays).toBeGreaterThan(0)
  for (const grant of [
    grantRelay({ urls, secret: coturn.secret, lifetimeS: 60 }, 'ada', now - 3_600_000),
    grantRelay({ urls, secret: 'another' }, 'ada', now),
  ]) {
    const refused = await gather(grant)
    expect(refused.relays).toBe(0)
    expect(refused.errors).toContain(401)
  }
  await page.close()
})
