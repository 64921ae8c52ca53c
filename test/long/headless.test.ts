// An always-on node without a browser: `centram node` as a process of its own, and a tab that shares a model with it.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { openOwnCertificate } from '../../signaling-server/tls/certificate.ts'
import type { GenerateResult } from '../../worker/node/api.ts'
import { launchBrowser, openTab, startApp, stateOf, untilState } from '../e2e/support/app.ts'

interface Line {
  readonly event: string
  readonly text: string
  readonly [detail: string]: unknown
}

interface HeadlessNode {
  readonly process: ChildProcess
  /** The first line of that event from here on, past ones included. */
  until(event: string): Promise<Line>
  ended(): Promise<number | null>
}

const COMMAND = join(import.meta.dirname, '..', '..', 'signaling-server', 'cli', 'centram.js')
const PROMPT = 'The captain looked at the sea and'

let server: RunningServer
let browser: Browser
let page: Page
let folder = ''
let invite = ''
let node: HeadlessNode
let whole: GenerateResult
const started: HeadlessNode[] = []

function startHeadless(...args: readonly string[]): HeadlessNode {
  const child = spawn(process.execPath, [COMMAND, 'node', '--data', folder, '--gpu', 'software', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not that of whoever runs the tests, where an authority of theirs may lie.
    env: { ...process.env, XDG_DATA_HOME: folder },
  })
  const lines: Line[] = []
  const waiting: { event: string; resolve: (line: Line) => void; reject: (error: Error) => void }[] = []
  const said: string[] = []
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()))
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  void ended.then((code) => {
    for (const { event, reject } of waiting) {
      reject(new Error(`It ended (${String(code)}) before “${event}”: ${said.join('')} ${JSON.stringify(lines)}`))
    }
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    lines.push(line)
    for (const wait of waiting.filter(({ event }) => event === line.event)) wait.resolve(line)
  })
  const headless: HeadlessNode = {
    process: child,
    until: (event) =>
      new Promise((resolve, reject) => {
        const past = lines.find((line) => line.event === event)
        if (past) resolve(past)
        else waiting.push({ event, resolve, reject })
      }),
    ended: () => ended,
  }
  started.push(headless)
  return headless
}

const ask = (requestId: string, maxTokens = 24) =>
  page.evaluate(
    ({ requestId, text, maxTokens }) =>
      centram.generate(
        {
          requestId,
          modelId: 'toy',
          prompt: { text },
          maxTokens,
          sampling: { temperature: 0 },
          logits: 'digest',
          stopAtEnd: false,
        },
        () => undefined,
      ),
    { requestId, text: PROMPT, maxTokens },
  )

async function untilSplit(): Promise<void> {
  await untilState(
    page,
    'a placement over both',
    ({ placement }) => placement?.stages.length === 2 && placement.stages.every(({ status }) => status === 'ready'),
  )
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-headless-'))
  server = await startApp()
  browser = await launchBrowser()
  page = await openTab(browser, server.url)
  await untilState(page, 'a GPU', ({ gpu }) => gpu.kind === 'ready')
  invite = await page.evaluate(() => centram.share())
})
afterAll(async () => {
  for (const { process } of started) process.kill('SIGKILL')
  await browser?.close()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('a tab and a headless node share one model, and every logit is that of the tab alone', async () => {
  await page.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  whole = await ask('alone')
  expect(whole.stages).toHaveLength(1)

  node = startHeadless('--join', invite, '--name', 'anchor')
  const { id } = await node.until('node')
  expect((await node.until('gpu'))['software']).toBe(true)
  await node.until('peer-open')
  await page.evaluate(() => centram.loadModel('toy', { placement: 'swarm' }))
  await untilSplit()
  expect((await node.until('holding')).text).toContain('Built-in toy model')

  const split = await ask('split')
  expect(split.stages.map(({ nodeId }) => nodeId)).toEqual([(await stateOf(page)).id, id])
  expect(split.signedBy).toEqual([id])
  expect(split.tokens).toEqual(whole.tokens)
  expect(split.logitsDigests).toHaveLength(24)
  expect(split.logitsDigests).toEqual(whole.logitsDigests)
  expect((await stateOf(page)).peers.map(({ name, link, path }) => ({ name, link, path }))).toEqual([
    { name: 'anchor', link: 'open', path: 'direct' },
  ])
})

test('its key is for its own user alone', async () => {
  expect((await stat(join(folder, 'identity.key'))).mode & 0o777).toBe(0o600)
  expect((await readFile(join(folder, 'identity.key'), 'utf8')).trim()).toMatch(/^[0-9a-f]{64}$/)
})

test('killed in the middle of an answer, it costs the answer nothing, and it comes back as the same node', async () => {
  const before = (await node.until('node'))['id']
  const answer = ask('killed', 90)
  await page.waitForTimeout(700)
  node.process.kill('SIGKILL')
  const { tokens, stages } = await answer
  expect(tokens.slice(0, 24)).toEqual(whole.tokens)
  expect(tokens).toHaveLength(90)
  expect(stages.every(({ nodeId }) => nodeId !== before)).toBe(true)

  // Neither link nor server named: it goes by what it keeps.
  node = startHeadless()
  expect(await node.until('node')).toMatchObject({ id: before, name: 'anchor' })
  await node.until('peer-open')
  await untilSplit()
  expect((await ask('again')).logitsDigests).toEqual(whole.logitsDigests)
})

test('told to stop, it says goodbye and ends', async () => {
  node.process.kill('SIGTERM')
  expect(await node.ended()).toBe(0)
  await untilState(page, 'the goodbye', ({ peers }) => peers.length === 0, 2_000)
})

test('the run that trusts a home network’s authority does not outlive the one that a person started', async () => {
  const { authority } = await openOwnCertificate(folder, ['localhost'])
  const path = join(folder, 'some-authority.crt')
  await writeFile(path, authority)
  node = startHeadless('--ca', path)
  await node.until('peer-open')
  node.process.kill('SIGKILL')
  // Its output is open for as long as any run of it lives.
  await node.ended()
  await untilState(page, 'the goodbye', ({ peers }) => peers.length === 0, 2_000)
})
