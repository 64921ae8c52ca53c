// Builds and serves the pages of test/e2e/ui (the app over a fake node) and opens them in Chromium.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright'
import { build, preview } from 'vite'
import { CHROMIUM_ARGS, findChromium } from '../../../signaling-server/cli/chromium.ts'

export interface Scenes {
  /** A page that shows `scene`; errors it throws fail the test that asks for them. */
  open(scene: string, options?: SceneOptions): Promise<Page>
  close(): Promise<void>
}

export interface SceneOptions {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'light' | 'dark'
  readonly reducedMotion?: boolean
}

export async function startScenes(): Promise<Scenes> {
  // As one file: a page that fetches every module by itself takes seconds to open on a busy machine.
  const outDir = await mkdtemp(join(tmpdir(), 'centram-scenes-'))
  const common = { root: 'test/e2e/ui', configFile: false, logLevel: 'error' } as const
  await build({ ...common, base: './', build: { outDir, emptyOutDir: false, target: 'es2023', minify: false } })
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0, strictPort: false } })
  const base = server.resolvedUrls?.local[0] ?? ''
  const browser: Browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGS })
  return {
    async open(scene, options = {}) {
      const page = await browser.newPage({
        viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
        colorScheme: options.scheme ?? 'light',
        reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
      })
      await page.goto(`${base}index.html?scene=${scene}`)
      await page.locator('[data-node-id]').first().waitFor({ state: 'attached' })
      return page
    },
    async close() {
      await browser.close()
      await server.close()
      await rm(outDir, { recursive: true, force: true })
    },
  }
}
