// The whole demo on the built-in model: server, two browsers, WebRTC, verdict; and what is left when it is interrupted.

import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import type { DemoReport } from '../../../signaling-server/cli/demo/report.ts'
import { startDemo } from './run-demo.ts'

it('splits the built-in model over two browsers, bit for bit', { timeout: 240_000 }, async () => {
  const { code, stdout, stderr } = await startDemo(['--json', '--tokens', '16', '--prompt', 'The ship sailed']).ended
  expect(code, `${stdout}\n${stderr}`).toBe(0)
  const report = JSON.parse(stdout) as DemoReport
  expect(report).toMatchObject({ verdict: 'PASS', tokensEqual: true, logitsEqual: true, stepsCompared: 16, tabs: 2 })
  for (const run of [report.baseline, report.split]) {
    expect(run.tokens).toHaveLength(16)
    expect(run.promptTokens).toBe('The ship sailed'.length)
    expect(run.text).toBe(Buffer.from(run.tokens).toString('latin1'))
    expect(run.msPerToken).toBeGreaterThan(0)
    expect(run.prefillMs).toBeGreaterThan(0)
  }
  expect(report.computeMs).toBeGreaterThan(0)
  expect(report.networkMs).toBeGreaterThan(0)
  // Every layer is held once, in order, and each tab holds some.
  expect(report.layers.map(({ tab }) => tab)).toEqual(['tab 1', 'tab 2'])
  expect(report.layers[0]?.first).toBe(0)
  expect(report.layers[1]?.first).toBe((report.layers[0]?.last ?? Number.NaN) + 1)
  expect(report.layers[1]?.last).toBe(3)
  expect(report.bytesPerHop).toBe(128 * 4)
})

it('stops everything it started on Ctrl-C', { timeout: 120_000 }, async () => {
  const demo = startDemo(['--tokens', '80'])
  await expect.poll(() => demo.output().stdout, { timeout: 90_000 }).toContain('Loading the model in tab 1')
  const started = descendantsOf(demo.child.pid ?? 0)
  // The browser and its helpers.
  expect(started.length).toBeGreaterThan(2)
  demo.child.kill('SIGINT')
  const { code, stdout } = await demo.ended
  expect(code).toBe(130)
  expect(stdout).toContain('stopped by hand')
  expect(stdout.trimEnd()).toMatch(/VERDICT: FAIL$/)
  const isRunning = (pid: number) => processes().some((process) => process.pid === pid && !process.ended)
  await expect.poll(() => started.filter(isRunning), { timeout: 10_000 }).toEqual([])
})

function processes(): { pid: number; parent: number; ended: boolean }[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n')
  return rows.map((row) => {
    const [pid, parent, stat = ''] = row.trim().split(/\s+/)
    // A zombie has ended; only its parent has not looked yet.
    return { pid: Number(pid), parent: Number(parent), ended: stat.startsWith('Z') }
  })
}

function descendantsOf(pid: number): number[] {
  const all = processes()
  const below = (parent: number): number[] =>
    all.filter((process) => process.parent === parent).flatMap((child) => [child.pid, ...below(child.pid)])
  return below(pid)
}
