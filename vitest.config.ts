// Quick suites by environment: core, worker and server run in Node.js, gpu inside headless Chromium over SwiftShader,
// pages and e2e in Node.js driving real tabs.

import { defineConfig } from 'vitest/config'
import { browserProject, nodeProject } from './test/setup/projects.ts'

/** Over a node that plays its part: they wait more than they compute, so they run beside the GPU's suites. */
const PAGES = ['test/e2e/*pages.test.ts', 'test/e2e/demo/demo-driver.test.ts']

export default defineConfig({
  test: {
    projects: [
      nodeProject('core', { include: 'test/core/**/*.test.ts', timeout: 20_000, shared: true }),
      nodeProject('worker', { include: 'test/worker/**/*.test.ts', timeout: 20_000 }),
      nodeProject('server', { include: 'test/server/**/*.test.ts', timeout: 20_000 }),
      browserProject('gpu', { include: 'test/gpu/**/*.test.ts', timeout: 60_000, turn: 1 }),
      nodeProject('pages', { include: PAGES, timeout: 120_000, serial: true, turn: 1 }),
      nodeProject('e2e', { include: 'test/e2e/**/*.test.ts', exclude: PAGES, timeout: 120_000, serial: true, turn: 2 }),
    ],
  },
})
