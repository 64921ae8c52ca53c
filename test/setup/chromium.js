// Where Chromium is, and the switches that give a headless one WebGPU on the CPU (SwiftShader).

import { existsSync } from 'node:fs'
import { chromium } from 'playwright'

export const CHROMIUM_ARGS = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-sandbox',
  '--disable-background-networking',
]

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Path of an installed Chromium, or throws with how to get one. */
export function findChromium() {
  const places = [process.env.CENTRAM_CHROMIUM, ...PLACES, chromium.executablePath()]
  const found = places.find((place) => place && existsSync(place))
  if (!found)
    throw new Error('No Chromium found. Run `npm test` once to install one, or set CENTRAM_CHROMIUM to its path.')
  return found
}
