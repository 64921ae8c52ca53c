// Serves the pages of test/e2e/ui (the app over a fake node) and opens them in Chromium.

import { chromium, type Browser, type Page } from 'playwright'
import { createServer, type ViteDevServer } from 'vite'
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
  const server: ViteDevServer = await createServer({
    root: '.',
    configFile: false,
    logLevel: 'error',
    server: { port: 0, hmr: false, watch: null },
    // What the pages import is few and small: bundling it ahead only costs time.
    optimizeDeps: { noDiscovery: true, include: [] },
  })
  await server.listen()
  const base = server.resolvedUrls?.local[0] ?? ''
  const browser: Browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGS })
  return {
    async open(scene, options = {}) {
      const page = await browser.newPage({
        viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
        colorScheme: options.scheme ?? 'light',
        reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
      })
      await page.goto(`${base}test/e2e/ui/index.html?scene=${scene}`)
      await page.locator('[data-node-id]').first().waitFor({ state: 'attached' })
      return page
    },
    async close() {
      await browser.close()
      await server.close()
    },
  }
}
