// Chromium as the demo, the benchmark and the tests drive it, and what GPU a tab of it is given.

import { chromium, type Browser } from 'playwright'
import { errorMessage } from '#core/errors.ts'
import { CHROMIUM_ARGS, locateChromium } from '../chromium.ts'
import type { Finding } from './finding.ts'

const START_MS = 20_000
/** Nothing listens there: the page is made up here. WebGPU needs a secure context, which localhost is. */
const PAGE = 'http://localhost:9/doctor'

export async function checkBrowser(): Promise<readonly Finding[]> {
  const path = locateChromium()
  if (path === null) {
    return [
      {
        about: 'browser',
        state: 'note',
        message: 'No Chromium was found. Serving needs none; demo, bench and the tests drive one.',
        remedy:
          'Install it with `npx playwright install --with-deps chromium` or `apt-get install chromium`, or name one in CENTRAM_CHROMIUM.',
      },
    ]
  }
  const found: Finding[] = []
  for (const { args, what } of [
    { args: CHROMIUM_ARGS.filter((arg) => !arg.startsWith('--use-webgpu')), what: 'GPU in a tab' },
    { args: CHROMIUM_ARGS, what: 'GPU by software' },
  ]) {
    let browser: Browser
    try {
      browser = await chromium.launch({ executablePath: path, args, timeout: START_MS })
    } catch (error) {
      found.push({
        about: 'browser',
        state: 'problem',
        message: `${path} does not start: ${errorMessage(error).split('\n')[0] ?? ''}`,
        remedy:
          'Install the libraries it lacks with `npx playwright install-deps chromium`, or name another in CENTRAM_CHROMIUM.',
      })
      break
    }
    try {
      if (found.length === 0)
        found.push({ about: 'browser', state: 'ok', message: `Chromium ${browser.version()} (${path})` })
      const gpu = await readAdapter(browser)
      if (gpu !== null) {
        found.push({ about: what, state: 'ok', message: gpu })
        break
      }
      found.push({
        about: what,
        state: 'note',
        message: 'none: a headless tab is given none here',
        remedy:
          'A tab with a window may still have one: look at chrome://gpu. Else install the graphics driver, or join as a light node.',
      })
    } finally {
      await browser.close()
    }
  }
  return found
}

/** Null where the browser gives the page none. */
async function readAdapter(browser: Browser): Promise<string | null> {
  const page = await browser.newPage()
  await page.route(PAGE, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(PAGE)
  // Text, since this side has no types of a page.
  return page.evaluate<string | null>(`(async () => {
    const adapter = await navigator.gpu?.requestAdapter()
    if (!adapter) return null
    const { vendor, architecture, description } = adapter.info
    return [vendor, architecture, description].filter(Boolean).join(' ') || 'a GPU that does not tell its name'
  })()`)
}
