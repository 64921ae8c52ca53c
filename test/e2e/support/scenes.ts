// Builds and serves the pages of test/e2e/ui (the app over a fake node) and opens them in Chromium.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright'
import { build, preview } from 'vite'
import { CHROMIUM_ARGS, findChromium } from '../../../signaling-server/cli/chromium.ts'
import { contentSecurityPolicy } from '../../../signaling-server/http/security.ts'

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
  /** The language that the browser asks for; English where absent. */
  readonly language?: string
}

export async function startScenes(): Promise<Scenes> {
  // As one file: a page that fetches every module by itself takes seconds to open on a busy machine.
  const outDir = await mkdtemp(join(tmpdir(), 'centram-scenes-'))
  const common = { root: 'test/e2e/ui', configFile: false, logLevel: 'error' } as const
  await build({ ...common, base: './', build: { outDir, emptyOutDir: false, target: 'es2023', minify: false } })
  // Under the policy of the product: what it refuses, `close` throws.
  const headers = { 'Content-Security-Policy': contentSecurityPolicy('/') }
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0, strictPort: false, headers } })
  const refused = new Set<string>()
  const base = server.resolvedUrls?.local[0] ?? ''
  const browser: Browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGS })
  return {
    async open(scene, options = {}) {
      const context = await browser.newContext({
        viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
        colorScheme: options.scheme ?? 'light',
        locale: options.language ?? 'en-GB',
        reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
      })
      await context.exposeFunction('noteRefused', (text: string) => refused.add(text))
      await context.addInitScript(reportRefusals)
      const page = await context.newPage()
      // The browser may be closing as well by then.
      page.once('close', () => void context.close().catch(() => {}))
      await page.goto(`${base}index.html?scene=${scene}`)
      await page.locator('chat-app [data-node]').waitFor({ state: 'attached' })
      return page
    },
    async close() {
      await browser.close()
      await server.close()
      await rm(outDir, { recursive: true, force: true })
      if (refused.size > 0) throw new Error(`The page's policy refused: ${[...refused].join('; ')}`)
    },
  }
}

/** Runs in the page. */
function reportRefusals(): void {
  const { noteRefused } = globalThis as unknown as { noteRefused(text: string): void }
  addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample, sourceFile }) => {
    noteRefused(`${effectiveDirective} ${blockedURI} ${sample} (${sourceFile})`)
  })
}
