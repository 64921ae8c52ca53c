// Suites by environment: core, worker and server run in Node.js, gpu inside headless Chromium over SwiftShader,
// e2e in Node.js driving real tabs.

import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { CHROMIUM_ARGS, findChromium } from './signaling-server/cli/chromium.ts'

const node = (name: string, timeout = 20_000) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    environment: 'node' as const,
    testTimeout: timeout,
    hookTimeout: timeout,
  },
})

export default defineConfig({
  test: {
    projects: [
      node('core'),
      node('worker'),
      node('server'),
      {
        test: {
          name: 'gpu',
          include: ['test/gpu/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: findChromium(), args: CHROMIUM_ARGS } }),
            instances: [{ browser: 'chromium' as const }],
          },
        },
      },
      { ...node('e2e', 120_000), test: { ...node('e2e', 120_000).test, fileParallelism: false } },
    ],
  },
})
