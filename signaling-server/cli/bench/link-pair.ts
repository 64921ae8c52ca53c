// Two pages of the link benchmark in browsers of their own, over a network that Chromium shapes.

import type { Browser, CDPSession, Page } from 'playwright'
import { CentramError } from '#core/errors.ts'
import { launchBrowser } from '../tab.ts'
import { LINK_PAGE } from './link-page.ts'

export interface Network {
  /** Added to the round trip. */
  readonly delayMs: number
  /** Of the packets on each side. */
  readonly lossPercent: number
}

export interface LinkPair {
  readonly browserVersion: string
  readonly pages: readonly [Page, Page]
  /** Counts for connections opened from now on, and, once one was set, for those there are. */
  shape(network: Network): Promise<void>
  /** Opens a line between the pages. */
  open(kind: string): Promise<void>
  closeLine(): Promise<void>
  close(): Promise<void>
}

const OPEN_MS = 40_000

export async function openLinkPair(url: string, newRoom: () => string): Promise<LinkPair> {
  const browsers: Browser[] = [await launchBrowser(false), await launchBrowser(false)]
  const openPage = async (browser: Browser) => {
    const page = await browser.newPage()
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    return { page, session }
  }
  const [a, b] = [await openPage(browsers[0] as Browser), await openPage(browsers[1] as Browser)]
  const carry = (from: Page, to: Page) =>
    from.exposeFunction('tellOther', (signal: unknown) =>
      to.evaluate((told) => (globalThis as unknown as LinkBenchPage).linkBench.take(told), signal),
    )
  await carry(a.page, b.page)
  await carry(b.page, a.page)
  for (const { page } of [a, b]) await page.goto(new URL(LINK_PAGE, url).href)

  return {
    browserVersion: browsers[0]?.version() ?? '',
    pages: [a.page, b.page],
    async shape(network) {
      for (const { session } of [a, b]) await emulate(session, network)
    },
    async open(kind) {
      const room = newRoom()
      const opening = [a, b].map(({ page }, index) =>
        page.evaluate(([name, options]) => (globalThis as unknown as LinkBenchPage).linkBench.open(name, options), [
          kind,
          { first: index === 0, serverUrl: signalUrl(url), room },
        ] as const),
      )
      await withTimeout(Promise.all(opening), `${kind} did not connect in ${OPEN_MS / 1000} s`)
    },
    async closeLine() {
      for (const { page } of [a, b]) {
        await page.evaluate(() => (globalThis as unknown as LinkBenchPage).linkBench.close())
      }
    },
    async close() {
      for (const browser of browsers) await browser.close()
    },
  }
}

/** What web/bench/links/main.ts puts on its page. */
export interface LinkBenchPage {
  readonly linkBench: {
    open(kind: string, options: { first: boolean; serverUrl: string; room: string }): Promise<void>
    take(signal: unknown): void
    roundTrips(count: number): Promise<readonly number[]>
    flood(milliseconds: number): Promise<void>
    total(): Promise<{ readonly bytes: number; readonly at: number }>
    connections(): Promise<number>
    close(): void
    centram(): {
      startCounting(everyMs: number): Promise<void>
      stopCounting(): Promise<number>
      counted(): Promise<{ readonly received: number; readonly inOrder: boolean }>
      state(): Promise<{ readonly link: string; readonly losses: number }>
    }
  }
}

function emulate(session: CDPSession, { delayMs, lossPercent }: Network): Promise<unknown> {
  return session.send('Network.emulateNetworkConditions', {
    offline: false,
    // Counts for what a page sends and for what it receives, on both pages.
    latency: delayMs / 4,
    downloadThroughput: -1,
    uploadThroughput: -1,
    packetLoss: lossPercent,
  })
}

function signalUrl(url: string): string {
  return new URL('signal', url).href.replace(/^http/, 'ws')
}

async function withTimeout<T>(work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CentramError('TIMEOUT', `The link benchmark failed: ${message}.`)), OPEN_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
