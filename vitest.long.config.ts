// The long suites: real models end to end, demo runs, long fuzzing. Files in test/long/browser run inside Chromium.

import { defineConfig } from 'vitest/config'
import { browserProject, nodeProject } from './test/setup/projects.ts'

/** For what hangs: the slowest test takes two minutes. */
const PATIENCE = 6 * 60_000

/** Without a browser: they may use both cores at once. The others run one after the other, and the simulated swarms on both cores alone. */
const PROCESSOR =
  'test/long/{content-faults,forks,fuzz,gate-attacks,gate-flows,gate-layers,gate-messages,merge-watch,gossip,ledger-copy,ledger-properties,ledger-royalties,limits-swarm,planted-bugs,protocol-bits,reconciliation,redis,headless-links}.test.ts'

export default defineConfig({
  test: {
    globalSetup: 'test/setup/long-models.ts',
    projects: [
      nodeProject('long-processor', { include: PROCESSOR, timeout: PATIENCE }),
      nodeProject('long', {
        include: 'test/long/*.test.ts',
        exclude: [PROCESSOR],
        timeout: PATIENCE,
        serial: true,
        turn: 1,
      }),
      browserProject('long-browser', { include: 'test/long/browser/**/*.test.ts', timeout: PATIENCE, turn: 2 }),
    ],
  },
})
