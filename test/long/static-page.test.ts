// The page from a plain file host, without a server of its own: two browsers meet at a PeerJS broker, which is another process
// and another project's program, and chat over their own link, also when the broker is gone.

import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PROJECT_FOLDER, WEB_FOLDER } from '../../signaling-server/cli/project.ts'
import { ensureWebApp } from '../../signaling-server/cli/web-build.ts'
import { launchBrowser, openTab, untilNode, untilState } from '../e2e/support/app.ts'
import { askAndWait, setAnswerLength } from '../e2e/support/chat.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

let files: Server
let broker: ChildProcess
let strong: Browser
let weak: Browser
let page: string
let meetingPoint: string

beforeAll(async () => {
  await ensureWebApp(() => {})
  files = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://host').pathname)
    const file = join(WEB_FOLDER, path.endsWith('/') ? `${path}index.html` : path)
    readFile(file).then(
      (content) =>
        response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(content),
      () => response.writeHead(404).end(),
    )
  })
  const address = await listen(files)
  page = `http://127.0.0.1:${address}/`
  const port = await freePort()
  broker = spawn(
    process.execPath,
    [
      join(PROJECT_FOLDER, 'node_modules/peer/dist/bin/peerjs.js'),
      '--port',
      String(port),
      '--path',
      '/meet',
      '--key',
      'tabs',
    ],
    { stdio: 'ignore' },
  )
  meetingPoint = `ws://127.0.0.1:${port}/meet/?key=tabs`
  await untilAnswers(`http://127.0.0.1:${port}/meet/`)
  strong = await launchBrowser()
  weak = await launchBrowser({ gpu: false })
})
afterAll(async () => {
  await strong?.close()
  await weak?.close()
  broker?.kill('SIGKILL')
  files?.close()
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilAnswers(url: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (await fetch(url).catch(() => null)) return
    await wait(100)
  }
  throw new Error('The broker did not start in 10 s')
}

test('two browsers on a page without a server meet at a broker and chat', { timeout: 180_000 }, async () => {
  const host = await openTab(strong, page)
  const before = await untilState(host, 'its node', ({ gpu }) => gpu.kind !== 'starting')
  // Nothing is contacted until a person says so.
  expect(before.ways).toEqual([])
  await host.getByRole('button', { name: 'Share' }).first().click()
  const share = host.locator('.sharing share-panel')
  await expect.poll(() => share.getByRole('button', { name: 'Make an invite link' }).isDisabled()).toBe(true)
  await share.getByLabel('Address of the meeting point').fill(meetingPoint)
  await share.getByRole('button', { name: 'Add', exact: true }).click()
  await share.getByText('used once you are in a room').waitFor()
  await share.getByRole('button', { name: 'Make an invite link' }).click()
  await untilState(host, 'the broker', ({ ways }) => ways[0]?.state === 'open')
  const invite = await share.getByLabel('Invite link', { exact: true }).inputValue()
  expect(invite.startsWith(page)).toBe(true)
  await host.evaluate(() => centram.loadModel('toy'))

  const guest = await openTab(weak, page)
  await setAnswerLength(guest, 16)
  await guest.goto(invite)
  await guest.reload()
  await untilNode(guest)
  const joined = await untilState(guest, 'the link', ({ peers }) => peers.some(({ link }) => link === 'open'))
  expect(joined.server.state).toBe('none')
  expect(joined.ways.map(({ url }) => url)).toEqual([meetingPoint])
  await guest.getByRole('button', { name: /^Chat with .* through / }).click()
  const first = await askAndWait(guest, 'The captain looked ')
  expect(await first.innerText()).toMatch(/16 tokens/)

  // The broker only introduced.
  broker.kill('SIGKILL')
  await untilState(guest, 'the loss of the broker', ({ ways }) => ways[0]?.state !== 'open')
  const second = await askAndWait(guest, 'The whale came up and ')
  expect(await second.innerText()).toMatch(/16 tokens/)
})
