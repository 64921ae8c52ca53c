// The counting of `.ci/run`: nothing that failed to run may end in "0 failed".

import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const SUMMARY = fileURLToPath(new URL('../setup/summary.js', import.meta.url))
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-summary-'))
  await mkdir(join(folder, 'test'))
  await writeFile(join(folder, 'test/a.test.ts'), '')
  await writeFile(join(folder, 'test/b.test.ts'), '')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

type Statuses = Record<string, readonly string[]>
async function summarise(
  files: Statuses | null,
  options: { success?: boolean; broken?: string; steps?: string[] } = {},
) {
  if (files) {
    const testResults = Object.entries(files).map(([name, statuses]) => ({
      name: join(folder, name),
      status: options.broken === name || statuses.includes('failed') ? 'failed' : 'passed',
      message: 'cannot load',
      assertionResults: statuses.map((status) => ({
        status,
        fullName: `one that ${status}`,
        failureMessages: ['3 is not 4'],
      })),
    }))
    await writeFile(join(folder, 'quick.json'), JSON.stringify({ success: options.success ?? true, testResults }))
  }
  const run = spawnSync(process.execPath, [SUMMARY, ...(options.steps ?? []), 'quick.json=test'], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: run.status, last: run.stdout.trimEnd().split('\n').at(-1), output: run.stdout }
}
const ALL = { 'test/a.test.ts': ['passed', 'passed'], 'test/b.test.ts': ['passed'] }

it('passes when every file ran and passed', async () => {
  const run = await summarise(ALL, { steps: ['--step', 'check=0', '--step', 'quick=0'] })
  expect(run).toMatchObject({ code: 0, last: '3 passed, 0 failed' })
})

it('shows skipped tests only when there are some', async () => {
  const run = await summarise({ ...ALL, 'test/b.test.ts': ['passed', 'skipped', 'todo'] })
  expect(run).toMatchObject({ code: 0, last: '3 passed, 0 failed, 2 skipped' })
})

it.each([
  ['a failing test', { ...ALL, 'test/b.test.ts': ['failed'] }, { success: false }, '2 passed, 1 failed'],
  ['a file that could not load', { ...ALL, 'test/b.test.ts': [] }, { broken: 'test/b.test.ts' }, '2 passed, 2 failed'],
  ['a file without tests', { ...ALL, 'test/b.test.ts': [] }, {}, '2 passed, 1 failed'],
  ['a file that never ran', { 'test/a.test.ts': ['passed'] }, {}, '1 passed, 1 failed'],
  ['a missing report', null, {}, '0 passed, 1 failed'],
  ['an unhandled error beside passing tests', ALL, { success: false }, '3 passed, 1 failed'],
  ['a step that failed by itself', ALL, { steps: ['--step', 'check=1'] }, '3 passed, 1 failed'],
  ['a suite that ran out of time after its report', ALL, { steps: ['--step', 'quick=124'] }, '3 passed, 1 failed'],
] as const)('fails on %s', async (_, files, options, last) => {
  const run = await summarise(files, { ...options, steps: [...('steps' in options ? options.steps : [])] })
  expect(run.last).toBe(last)
  expect(run.code).toBe(1)
})

it('names what failed once more at the end', async () => {
  const run = await summarise({ ...ALL, 'test/b.test.ts': ['failed'] })
  expect(run.output).toContain('FAILED: test/b.test.ts: one that failed: 3 is not 4')
})
