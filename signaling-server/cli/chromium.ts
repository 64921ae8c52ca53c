// Where Chromium is, and the switches that give a headless one WebGPU on the CPU (SwiftShader).

import { existsSync } from 'node:fs'
import { chromium } from 'playwright'
import { CentramError } from '#core/errors.ts'

/** `--no-sandbox` because containers and root have no user namespaces; only this project's own pages are opened. */
export const CHROMIUM_ARGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-sandbox',
  '--disable-background-networking',
]

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** Path of an installed Chromium, or null. CENTRAM_CHROMIUM wins over the usual places. */
export function locateChromium(): string | null {
  const chosen = process.env['CENTRAM_CHROMIUM']
  if (chosen) return existsSync(chosen) ? chosen : null
  return [...PLACES, chromium.executablePath()].find((place) => existsSync(place)) ?? null
}

/** Path of an installed Chromium, or throws with how to get one. */
export function findChromium(): string {
  const found = locateChromium()
  if (found !== null) return found
  const chosen = process.env['CENTRAM_CHROMIUM']
  throw new CentramError(
    'BAD_ARGUMENT',
    chosen
      ? `CENTRAM_CHROMIUM names ${chosen}, and there is no such file.`
      : 'No Chromium found. Install one with `npx playwright install --with-deps chromium` (or `apt-get install chromium`), ' +
          'or set CENTRAM_CHROMIUM to the path of one.',
  )
}
