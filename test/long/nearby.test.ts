// Two browsers behind one address: each turns “nearby” on, one asks, the other shows the code, and it is typed. Nobody copies a
// link, and the server never has the room's secret.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilState } from '../e2e/support/app.ts'

let server: RunningServer
let browsers: Browser[]
beforeAll(async () => {
  server = await startApp()
  browsers = [await launchBrowser({ gpu: false }), await launchBrowser({ gpu: false })]
})
afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close()
  await server?.stop()
})

async function openShare(page: Page) {
  await page.getByRole('button', { name: 'Share' }).first().click()
  return page.locator('.sharing share-panel')
}

test('two devices join by a code', { timeout: 120_000 }, async () => {
  const [host, guest] = await Promise.all(
    browsers.map((browser) => openTab(browser, server.url)) as [Promise<Page>, Promise<Page>],
  )
  await host.evaluate(() => centram.rename('Desk'))
  await guest.evaluate(() => centram.rename('Phone'))
  await untilState(host, 'the server', (state) => state.server.state === 'open')
  const invite = await host.evaluate(() => centram.share())
  const [atHost, atGuest] = [await openShare(host), await openShare(guest)]
  await atHost.getByLabel('Nearby devices').click()
  await atHost.getByText('Nobody yet').waitFor()
  await atGuest.getByLabel('Nearby devices').click()

  await atHost.getByRole('button', { name: 'Invite: Phone' }).click()
  await atGuest.getByRole('button', { name: 'Agree' }).click()
  const code = (await atGuest.locator('[data-code]').getAttribute('data-code', { timeout: 20_000 })) ?? ''
  expect(code).toMatch(/^\d{6}$/)
  const field = atHost.getByLabel('Code that Phone shows')
  await field.fill(code === '000000' ? '111111' : '000000')
  await atHost.getByRole('button', { name: 'Let it in', exact: true }).click()
  await atHost.getByRole('alert').waitFor()
  expect((await stateOf(guest)).room).toBeNull()
  await field.fill(`${code.slice(0, 3)} ${code.slice(3)}`)
  await atHost.getByRole('button', { name: 'Let it in', exact: true }).click()

  const joined = await untilState(guest, 'the room', ({ peers }) => peers.some(({ link }) => link === 'open'))
  expect(joined.room?.invite).toBe(invite)
  expect(joined.peers.map(({ name }) => name)).toEqual(['Desk'])
  expect((await stateOf(host)).nearby).toEqual({ on: true, nodes: [], pairing: null })
})
