// How the demo judges and ends, on pages with a made-up node: what passes, what fails, and that nothing hangs or stays.

import { execFileSync } from 'node:child_process'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareSplitWithSolo } from '../../../signaling-server/cli/demo/comparison.ts'
import { createReport, type DemoReport } from '../../../signaling-server/cli/demo/report.ts'
import type { Tab } from '../../../signaling-server/cli/tab.ts'
import { createWatchdog } from '../../../signaling-server/cli/watchdog.ts'
import { startLoopback, type Loopback } from '../../server/loopback.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
let loopback: Loopback

beforeAll(async () => {
  loopback = await startLoopback()
  const web = join(loopback.folder, 'web')
  await mkdir(web)
  await copyFile(join(HERE, 'fake-page.html'), join(web, 'index.html'))
  await copyFile(join(HERE, 'fake-node.js'), join(web, 'fake-node.js'))
})
afterAll(() => loopback.close())

async function compare(
  scenario: string,
  stallMs = 60_000,
  say: (line: string) => void = () => undefined,
): Promise<DemoReport> {
  const tabs: Tab[] = []
  try {
    const comparison = await compareSplitWithSolo({
      url: `${loopback.origin}/?scenario=${scenario}`,
      model: { kind: 'catalogue', id: 'fake.gguf' },
      prompt: 'p',
      chat: false,
      tokens: 4,
      tabs: 2,
      headed: false,
      watchdog: createWatchdog(stallMs),
      say,
      onTab: (tab) => tabs.push(tab),
    })
    return createReport(comparison, { prompt: 'p', chat: false, tabs: 2 })
  } finally {
    await Promise.all(tabs.map((tab) => tab.close()))
  }
}

describe('the verdict over two browser processes', () => {
  it('passes when tokens and bits agree', async () => {
    const report = await compare('fine')
    expect(report).toMatchObject({ verdict: 'PASS', stepsCompared: 4, adapter: 'fake no GPU at all' })
    expect(report.baseline.text).toBe('abcd')
    expect(report.layers.map(({ tab, first, last }) => [tab, first, last])).toEqual([
      ['tab 1', 0, 1],
      ['tab 2', 2, 3],
    ])
  })

  it('fails on another token, and on other bits under the same tokens', async () => {
    expect(await compare('other-token')).toMatchObject({ verdict: 'FAIL', tokensEqual: false, firstDifference: 2 })
    expect(await compare('other-bits')).toMatchObject({
      verdict: 'FAIL',
      tokensEqual: true,
      logitsEqual: false,
      firstDifference: 1,
    })
  })
})

describe('a run that cannot finish', () => {
  it.each([
    ['bad-file', 'FORMAT_TRUNCATED', /tab 1: fake\.gguf: the file ends at byte 12/],
    ['no-gpu', 'GPU_UNAVAILABLE', /tab 1: There is no GPU\. Buy one\./],
    ['one-holder', 'NO_CAPACITY', /placed on 1 of 2 tabs/],
    ['peer-left', 'PEER_LEFT', /fake left; its layers 2 to 4 are gone/],
  ])('%s: says what happened', async (scenario, code, message) => {
    await expect(compare(scenario)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it.each([
    ['stall', /tokens in tab 1/],
    ['nobody-comes', /1 other tab in tab 1/],
  ])('%s: gives up once nothing moves', async (scenario, message) => {
    await expect(compare(scenario, 4_000)).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(message),
    })
  })

  it('tells what a page complained about that never started its node', async () => {
    await expect(compare('broken-page', 4_000)).rejects.toThrow(/tab 1 to start.*the page is broken/)
  })

  it('notices that a browser process died in the middle of an answer', async () => {
    const answer = compare('stall', 30_000, (line) => {
      // The split answer begins with a run to warm up, and in this scenario never gets past it.
      if (line.startsWith('Placing')) setTimeout(() => process.kill(oldestChild(), 'SIGKILL'), 1500)
    })
    await expect(answer).rejects.toThrow(/tab 1 (was closed|crashed|lost its browser)/)
  })
})

/** The browser of tab 1: the child of this process that was started first, apart from helpers of the test runner. */
function oldestChild(): number {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,etimes=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((row) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(row))
    .filter((row) => row !== null)
    .filter(([, , parent, , command = '']) => Number(parent) === process.pid && command.includes('--headless'))
    // By age: process numbers begin again from the bottom on a machine that has started many.
    .sort(([, , , a], [, , , b]) => Number(b) - Number(a))
  return Number(rows[0]?.[1])
}
