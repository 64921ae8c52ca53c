// Lets a test see the RTCPeerConnections of a page: which candidates they found, and what they are set to.

import type { Browser, BrowserContext, Page } from 'playwright'
import { untilNode } from '../../e2e/support/app.ts'

declare global {
  var connections: RTCPeerConnection[]
  var candidates: string[]
}

/** As `openTab`, watched from the first connection on. */
export async function openWatchedTab(browser: Browser | BrowserContext, url: string): Promise<Page> {
  const page = await openWatchedPage(browser)
  await page.goto(url)
  await untilNode(page)
  return page
}

/** A page that goes nowhere yet. */
export async function openWatchedPage(browser: Browser | BrowserContext): Promise<Page> {
  const page = await browser.newPage()
  await page.addInitScript(() => {
    globalThis.connections = []
    globalThis.candidates = []
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        globalThis.connections.push(this)
        this.addEventListener('icecandidate', ({ candidate }) => {
          if (candidate?.candidate) globalThis.candidates.push(candidate.candidate)
        })
      }
    }
  })
  return page
}

/** What the page found for itself. */
export function candidatesOf(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => globalThis.candidates)
}

/** What the page was told by the other side. */
export function remoteCandidatesOf(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    globalThis.connections.flatMap(({ remoteDescription }) =>
      (remoteDescription?.sdp ?? '').split('\r\n').filter((line) => line.startsWith('a=candidate:')),
    ),
  )
}
