// The long suites: real models end to end, demo runs, long fuzzing. Files in test/long/browser run inside Chromium.

import { defineConfig } from 'vitest/config'
import { browserProject, nodeProject } from './test/setup/projects.ts'

const FIFTEEN_MINUTES = 15 * 60_000

export default defineConfig({
  test: {
    globalSetup: 'test/setup/long-models.ts',
    projects: [
      nodeProject('long', { include: 'test/long/*.test.ts', timeout: FIFTEEN_MINUTES, serial: true }),
      browserProject('long-browser', { include: 'test/long/browser/**/*.test.ts', timeout: FIFTEEN_MINUTES, turn: 1 }),
    ],
  },
})
