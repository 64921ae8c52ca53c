// The product as people get it: the server with the built web app on a free port, and browsers that open it.

import { chromium, type Browser, type BrowserContext, type Page } from 'playwright'
import { CHROMIUM_ARGS, findChromium } from '../../../signaling-server/cli/chromium.ts'
import { launchServer } from '../../../signaling-server/cli/launch.ts'
import { ensureWebApp } from '../../../signaling-server/cli/web-build.ts'
import type { ModelLibraryOptions } from '../../../signaling-server/model-library.ts'
import type { RunningServer } from '../../../signaling-server/server.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'

declare global {
  var centram: NodeApi
}

export async function startApp(models?: ModelLibraryOptions, host = '127.0.0.1'): Promise<RunningServer> {
  await ensureWebApp(() => {})
  return launchServer({ port: 0, host, ...(models && { models }) })
}

export interface BrowserOptions {
  /** Without WebGPU its tabs become light nodes. */
  readonly gpu?: boolean
  /** A `--host-resolver-rules` rule. */
  readonly resolve?: string
  /** More switches. */
  readonly args?: readonly string[]
}

/** A browser of its own, as on another device. */
export async function launchBrowser({ gpu = true, resolve, args: more = [] }: BrowserOptions = {}): Promise<Browser> {
  const kind = gpu ? CHROMIUM_ARGS : ['--no-sandbox', '--disable-gpu', '--disable-features=WebGPU,WebGPUService']
  const args = [...kind, ...more]
  return chromium.launch({
    executablePath: findChromium(),
    args: resolve === undefined ? args : [...args, `--host-resolver-rules=${resolve}`],
  })
}

/** Opens `url` and waits until its node has told its id. */
export async function openTab(browser: Browser | BrowserContext, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(url)
  await untilNode(page)
  return page
}

export async function untilNode(page: Page): Promise<void> {
  await page.locator('chat-app [data-node]').waitFor({ state: 'attached', timeout: 30_000 })
}

/** The node's present state, as its page is told. */
export async function stateOf(page: Page): Promise<NodeState> {
  return page.evaluate(
    () =>
      new Promise<NodeState>((resolve, reject) => {
        centram.watch(resolve).catch(reject)
      }),
  )
}

/** Waits for a state that fulfils `condition`; `what` completes "waiting for …" where it never comes. */
export async function untilState(
  page: Page,
  what: string,
  condition: (state: NodeState) => boolean,
  timeoutMs = 60_000,
): Promise<NodeState> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const state = await stateOf(page)
    if (condition(state)) return state
    if (Date.now() > deadline) throw new Error(`Gave up waiting for ${what}; the state was ${JSON.stringify(state)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
