// The demo as a person runs it: the built-in model over three tabs, SmolLM2 over two, files it has never seen, and
// damaged ones.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoReport, FailureReport } from '../../signaling-server/cli/demo/report.ts'
import { startDemo } from '../e2e/demo/run-demo.ts'

const MODELS = fileURLToPath(new URL('../vectors/models', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-demo-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function demo(...args: readonly string[]): Promise<DemoReport> {
  const { code, stdout, stderr } = await startDemo(['--json', '--timeout', '300', ...args]).ended
  expect(code, `${stdout}\n${stderr}`).toBe(0)
  return JSON.parse(stdout) as DemoReport
}

/** Every layer held once and in order, and every tab holding some. */
function expectSplit(report: DemoReport, tabs: number, layers: number): void {
  expect(report).toMatchObject({ verdict: 'PASS', tokensEqual: true, logitsEqual: true, tabs })
  expect(new Set(report.layers.map(({ tab }) => tab)).size).toBe(tabs)
  let next = 0
  for (const { first, last } of report.layers) {
    expect(first).toBe(next)
    next = last + 1
  }
  expect(next).toBe(layers)
}

describe('splits bit for bit', () => {
  it('the built-in model over three tabs', async () => {
    const report = await demo('--tabs', '3', '--tokens', '24')
    expectSplit(report, 3, 4)
    expect(report.stepsCompared).toBe(24)
  })

  it('SmolLM2-135M through its chat template', async () => {
    const report = await demo(
      ...['--model', 'smollm2-135m', '--chat', '--tokens', '8', '--prompt', 'What is the capital of France?'],
    )
    expectSplit(report, 2, 30)
    expect(report.bytesPerHop).toBe(576 * 4)
    expect(report.split.text).toContain('Paris')
  })

  // Every family and stored type is split in test/long/browser/bit-contracts.test.ts.
  it.each([['llama-gguf-k/model.gguf'], ['llama-hf-sharded']])('%s, a file of a person’s own', async (path) => {
    const report = await demo('--model', join(MODELS, path), '--tokens', '6', '--prompt', 'hello')
    expect(report).toMatchObject({ verdict: 'PASS', tokensEqual: true, logitsEqual: true })
    expect(new Set(report.layers.map(({ tab }) => tab)).size).toBe(2)
  })
})

describe('refuses a damaged file by name and place', () => {
  async function failure(bytes: Uint8Array): Promise<FailureReport> {
    const path = join(folder, 'damaged.gguf')
    await writeFile(path, bytes)
    const { code, stdout } = await startDemo(['--json', '--model', path, '--prompt', 'hello']).ended
    expect(code).toBe(1)
    return JSON.parse(stdout) as FailureReport
  }

  it('cut off in its header, and in its weights', async () => {
    const whole = await readFile(join(MODELS, 'llama-gguf-q4_0/model.gguf'))
    for (const length of [100, whole.length - 1_000]) {
      const { verdict, error } = await failure(whole.subarray(0, length))
      expect(verdict).toBe('FAIL')
      expect(error.code).toBe('FORMAT_TRUNCATED')
      expect(error.message).toContain('damaged.gguf')
    }
  })

  it('not a model at all', async () => {
    const { verdict, error } = await failure(new TextEncoder().encode('<!doctype html>'.repeat(1_000)))
    expect(verdict).toBe('FAIL')
    expect(error.code).toMatch(/^FORMAT_/)
    expect(error.message).toContain('damaged.gguf')
  })
})
