// A second laptop, as a person does it: a server on the network's address with a certificate that no browser knows, two browsers
// that were told to go on, an invite link, and an answer that both computed. Prints how long it took.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lanAddresses, lanHosts } from '../../signaling-server/cli/lan.ts'
import { launchServer } from '../../signaling-server/cli/launch.ts'
import { ensureWebApp } from '../../signaling-server/cli/web-build.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import { openOwnCertificate } from '../../signaling-server/tls/certificate.ts'
import { launchBrowser, openTab, stateOf, untilState } from '../e2e/support/app.ts'
import { askAndWait, chooseBuiltIn, setAnswerLength, textOf } from '../e2e/support/chat.ts'

/** A machine without a network is its own second laptop. */
const address = lanAddresses()[0] ?? '127.0.0.1'
const browsers: Browser[] = []
let server: RunningServer
let url = ''
let folder = ''

beforeAll(async () => {
  await ensureWebApp(() => {})
  folder = await mkdtemp(join(tmpdir(), 'centram-laptop-'))
  const tls = await openOwnCertificate(folder, lanHosts([address]))
  server = await launchServer({ port: 0, host: '0.0.0.0', tls })
  url = `https://${address}:${server.port}/`
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** One whose person saw the warning and went on. */
async function openLaptop(at: string): Promise<Page> {
  const browser = await launchBrowser()
  browsers.push(browser)
  return openTab(await browser.newContext({ ignoreHTTPSErrors: true }), at)
}

test('from the address to an answer that two laptops computed', async () => {
  const began = performance.now()
  const first = await openLaptop(url)
  expect(await first.evaluate(() => isSecureContext && 'gpu' in navigator)).toBe(true)
  await setAnswerLength(first, 24)
  await first.reload()
  await chooseBuiltIn(first)
  await first.getByRole('button', { name: 'Share' }).click()
  await first.getByRole('button', { name: 'Make an invite link' }).click()
  const link = first.getByRole('region', { name: 'Share' }).getByLabel('Invite link', { exact: true })
  await link.waitFor()
  const invite = await link.inputValue()
  // The link of a page on the network's address holds on another device.
  expect(invite.startsWith(url)).toBe(true)

  const second = await openLaptop(invite)
  await untilState(
    first,
    'a placement over both',
    ({ placement }) => placement?.stages.length === 2 && placement.stages.every(({ status }) => status === 'ready'),
  )
  const answer = await askAndWait(first, 'The captain looked at the sea and')
  expect((await textOf(answer)).length).toBeGreaterThan(10)
  expect(await answer.innerText()).toContain(`by this tab and ${(await stateOf(second)).name}`)
  console.log(`From the address to the answer of two browsers: ${((performance.now() - began) / 1000).toFixed(1)} s.`)
})
