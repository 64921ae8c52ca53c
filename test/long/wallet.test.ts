// The wallet as two people use it: one lends, the other asks with a link, and the first pays with a press.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilState } from '../e2e/support/app.ts'

let server: RunningServer
let browser: Browser
beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser({ gpu: false })
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const openWallet = (page: Page) => page.getByRole('button', { name: 'Wallet', exact: true }).click()

test('a request made in one tab is paid in another, and both see what it was for', async () => {
  const ada = await openTab(browser, server.url)
  const invite = await ada.evaluate(() => centram.share())
  const ben = await openTab(browser, invite)
  const { id } = await stateOf(ben)
  await untilState(ada, 'the link', ({ peers }) => peers.some((peer) => peer.id === id && peer.link === 'open'))
  await openWallet(ada)
  const line = ada.locator(`[data-line="${id}"]`)
  await line.getByRole('button', { name: /^Lend/ }).click()
  await line.locator('input').fill('50')
  await line.getByRole('button', { name: 'Save' }).click()
  await untilState(ben, 'the credit', ({ ledger }) => ledger.lines.some(({ received }) => received === 50))

  const form = ada.locator('request-form')
  await form.getByLabel('Amount in CEN').fill('20')
  await form.getByLabel('What for').fill('Pizza')
  await form.getByRole('button', { name: 'Make a request' }).click()
  const link = await form.getByLabel('Payment link', { exact: true }).inputValue()
  await openWallet(ben)
  await ben.locator('send-form').getByLabel('Payment link you were given').fill(link)
  await ben.locator('send-form').getByRole('button', { name: 'Open' }).click()
  await ben.locator('payment-card').getByRole('button', { name: 'Pay 20 CEN' }).click()
  await ben.locator('payment-card').getByText('Both of you signed it.').waitFor()
  expect(await ben.locator('.balance').innerText()).toBe('−20 CEN')
  await expect.poll(() => ada.locator('.balance').innerText()).toBe('20 CEN')
  await ada.locator('history-list').getByText('“Pizza”').waitFor()
  await ada
    .locator('request-form')
    .getByText(/ paid 20 CEN/)
    .waitFor()
  await ben.locator('history-list').getByText('“Pizza”').waitFor()
})
