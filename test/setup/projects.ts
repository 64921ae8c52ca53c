// The kinds of test suites: in Node.js, and inside headless Chromium with WebGPU over SwiftShader.

import { playwright } from '@vitest/browser-playwright'
import { CHROMIUM_ARGS, locateChromium } from '../../signaling-server/cli/chromium.ts'

export interface ProjectOptions {
  readonly include: string | readonly string[]
  readonly exclude?: readonly string[]
  readonly timeout: number
  /** Files that each drive browsers run one after the other. */
  readonly serial?: boolean
  /** Projects of a later turn begin when those before have ended: two browsers at work at once only slow each other. */
  readonly turn?: number
  /** Pure code leaves nothing behind, so its files may share one thread's modules: a third less work. */
  readonly shared?: boolean
}

const BROWSER_LIBRARIES = [
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  '@noble/ed25519',
  '@noble/hashes/scrypt.js',
  '@noble/hashes/sha2.js',
  '@noble/hashes/utils.js',
  'cborg',
  'comlink',
  'idb',
  'onnxruntime-web/webgpu',
  'pbf',
  'zod/mini',
]

export function nodeProject(
  name: string,
  { include, exclude = [], timeout, serial = false, turn = 0, shared = false }: ProjectOptions,
) {
  return {
    test: {
      name,
      include: [include].flat(),
      exclude: [...exclude],
      environment: 'node' as const,
      testTimeout: timeout,
      hookTimeout: timeout,
      fileParallelism: !serial,
      ...(shared && { isolate: false, pool: 'threads' as const }),
      sequence: { groupOrder: turn },
    },
  }
}

/** Loads without a browser too, since `npm run check` reads this configuration: Playwright complains when it starts. */
export function browserProject(name: string, { include, timeout, turn = 0 }: ProjectOptions) {
  const executablePath = locateChromium()
  return {
    // Bundled before the first test: found in the middle of one, they would reload the page under it.
    optimizeDeps: { include: BROWSER_LIBRARIES },
    test: {
      name,
      include: [include].flat(),
      testTimeout: timeout,
      hookTimeout: timeout,
      fileParallelism: false,
      sequence: { groupOrder: turn },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { ...(executablePath && { executablePath }), args: CHROMIUM_ARGS } }),
        instances: [{ browser: 'chromium' as const }],
      },
    },
  }
}
