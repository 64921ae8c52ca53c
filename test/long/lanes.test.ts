// Bulk between two browsers behind 40 ms each way (CDP network emulation): further connections open while it flows, every byte
// arrives, and they close when it is quiet. How much sooner it arrives is `npm run bench:links`'s to say.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

declare global {
  /** Every connection that the page made. */
  var connections: RTCPeerConnection[]
}

const DELAY_MS = 40

let server: RunningServer
const browsers: Browser[] = []

beforeAll(async () => {
  server = await startApp()
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  await server?.stop()
})

/** A tab of its own browser; what it sends and receives takes `delayMs` more. */
async function openNode(url: string, delayMs: number): Promise<Page> {
  const browser = await launchBrowser({ gpu: false })
  browsers.push(browser)
  const page = await browser.newPage()
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  // Only connections made after this are shaped.
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: delayMs,
    downloadThroughput: -1,
    uploadThroughput: -1,
  })
  await page.addInitScript(() => {
    globalThis.connections = []
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        globalThis.connections.push(this)
      }
    }
  })
  await page.goto(url)
  await untilNode(page)
  return page
}

const connected = (page: Page) =>
  page.evaluate(() => connections.filter(({ connectionState }) => connectionState === 'connected').length)

async function untilConnected(page: Page, what: string, right: (count: number) => boolean): Promise<void> {
  for (let round = 0; round < 300; round++) {
    if (right(await connected(page))) return
    await page.waitForTimeout(100)
  }
  throw new Error(`Gave up waiting for ${what}; ${await connected(page)} connections stand.`)
}

describe('bulk behind delay', () => {
  test('goes over several connections, which close when it is quiet', async () => {
    const page = await openNode(server.url, DELAY_MS)
    const other = await openNode(await page.evaluate(() => centram.share()), 0)
    const near = ({ peers }: Awaited<ReturnType<typeof stateOf>>) => (peers[0]?.roundTripMs ?? 0) > DELAY_MS
    const { peers } = await untilState(page, 'a link with a delay', near)
    expect(await connected(page)).toBe(1)

    const measuring = page.evaluate((peer) => centram.measureLink(peer), peers[0]?.id ?? '')
    await untilConnected(page, 'further connections', (count) => count > 1)
    // It resolves only once the other node found the hash of all it read to be right.
    const speed = await measuring
    console.info(`${(speed.bytesPerSecond / 125_000).toFixed(1)} Mbit/s over ${speed.connections} connections`)
    expect(speed.bytesPerSecond).toBeGreaterThan(0)
    await untilConnected(page, 'the connections to close', (count) => count === 1)
    await untilConnected(other, 'the connections to close there', (count) => count === 1)
    const after = await stateOf(page)
    expect(after.peers.map(({ link }) => link)).toEqual(['open'])
    expect(after.notices).toEqual([])
  })
})
