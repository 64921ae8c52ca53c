// Two tabs under one key never fork their log: a thousand races between real tabs over one database, most of them under the
// browser's locks, and some where there are none.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build, type Rolldown } from 'vite'
import { launchBrowser } from '../e2e/support/app.ts'
import type { Race, RaceTab } from './support/ledger-tab.ts'

const TABS = 2

let server: Server
let browser: Browser
let tabs: Page[]

async function buildTab(): Promise<string> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL('support/ledger-tab.ts', import.meta.url)), formats: ['es'] },
    },
  })) as Rolldown.RolldownOutput[]
  return built[0]?.output[0].code ?? ''
}

beforeAll(async () => {
  const code = await buildTab()
  server = createServer((request, response) => {
    const isScript = request.url === '/tab.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? code : '<!doctype html><title>A tab</title><script type="module" src="/tab.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  browser = await launchBrowser({ gpu: false })
  const context = await browser.newContext()
  tabs = await Promise.all(Array.from({ length: TABS }, () => context.newPage()))
  for (const tab of tabs) {
    await tab.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
    await tab.waitForFunction(() => 'raceTab' in globalThis)
  }
})
afterAll(async () => {
  await browser?.close()
  server?.close()
})

type Raced = typeof globalThis & { readonly raceTab: RaceTab }

test.each([
  { database: 'locked', times: 400, locks: true },
  { database: 'unlocked', times: 100, locks: false },
] satisfies Race[])('$times entries by each of two tabs make one log ($database)', async (race) => {
  const written = await Promise.all(
    tabs.map((tab) => tab.evaluate((how) => (globalThis as Raced).raceTab.race(how), race)),
  )
  const log = await (tabs[0] as Page).evaluate((how) => (globalThis as Raced).raceTab.read(how), race)
  // Every entry that a tab was told is written stands in the one chain, once.
  expect(log.entries).toHaveLength(TABS * race.times)
  expect(new Set(log.entries)).toEqual(new Set(written.flat()))
  expect(new Set(log.entries).size).toBe(TABS * race.times)
  // Both were at it together: neither wrote all of its entries before the other began.
  const turns = log.entries.map((entry) => written[0]?.includes(entry))
  expect(turns.filter((turn, index) => index > 0 && turn !== turns[index - 1]).length).toBeGreaterThan(10)
  if (race.locks) expect(log.head).toBe(TABS * race.times - 1)
})
