// Quick suites by environment: core, worker and server run in Node.js, gpu inside headless Chromium over SwiftShader,
// e2e in Node.js driving real tabs.

import { defineConfig } from 'vitest/config'
import { browserProject, nodeProject } from './test/setup/projects.ts'

export default defineConfig({
  test: {
    projects: [
      nodeProject('core', { include: 'test/core/**/*.test.ts', timeout: 20_000, shared: true }),
      nodeProject('worker', { include: 'test/worker/**/*.test.ts', timeout: 20_000 }),
      nodeProject('server', { include: 'test/server/**/*.test.ts', timeout: 20_000 }),
      browserProject('gpu', { include: 'test/gpu/**/*.test.ts', timeout: 60_000, turn: 1 }),
      nodeProject('e2e', { include: 'test/e2e/**/*.test.ts', timeout: 120_000, serial: true, turn: 2 }),
    ],
  },
})
