// The wallet over a fake node: what is owed and why, paying and being paid by link and code, what goes wrong, keeping the key.

import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { readPaymentRequest, writePaymentRequest } from '#core/ledger/payment-request.ts'
import { findBarriers } from './support/axe.ts'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type SceneOptions, type Scenes } from './support/scenes.ts'

const BEN = '58c7e6019b3d24af'.repeat(4)
const PHONE = { width: 360, height: 740 } as const

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

async function openWallet(scene: string, options?: SceneOptions): Promise<Page> {
  const page = await scenes.open(scene, options)
  await page.locator('nav .tab').nth(2).click()
  await page.locator('wallet-app h2').first().waitFor()
  return page
}

const requestOf = (payee: string, amount: number | null, note = '') =>
  writePaymentRequest({ payee: fromHex(payee) as Uint8Array, amount, note, nonce: new Uint8Array(8).fill(3) })

/** Opens the page by a link with a request in it. */
async function openLink(page: Page, request: string): Promise<void> {
  const [address = ''] = page.url().split('#')
  await page.goto(`${address}&pay=${request}`)
}

test('the balance, each entry with its reason, and the royalties as a tree', async () => {
  const page = await openWallet('wallet')
  const wallet = page.locator('wallet-app')
  expect(await wallet.locator('.balance').innerText()).toBe('71 CEN')
  const rows = wallet.locator('history-list li')
  await rows.first().waitFor()
  expect(await rows.count()).toBe(20)
  expect(await rows.first().innerText()).toContain(
    'You answered Anna’s laptop with SmolLM2 360M Instruct: read 412 tokens, wrote 188. With Sea poems + Ship’s diary. Price 24 CEN.',
  )
  expect(await rows.nth(2).innerText()).toMatch(/You paid a request of Ben’s desktop\s+“Pizza on Friday”[^]*−30 CEN/)
  await wallet.getByRole('button', { name: 'Show 20 earlier' }).click()
  await expect.poll(() => rows.count()).toBe(40)
  await wallet.locator('history-list select').selectOption('payments')
  await expect.poll(() => rows.count()).toBe(5)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    wallet.getByRole('button', { name: 'Save as CSV' }).click(),
  ])
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n')
  expect(lines).toHaveLength(6)
  expect(lines[2]).toMatch(/^2026-11-23T14:30:00.000Z,[0-9a-f]{64},Ben’s desktop,.*,-30,“Pizza on Friday”$/)

  const tree = wallet.locator('royalty-tree').first()
  const members = await tree.locator('li').allInnerTexts()
  expect(members.map((text) => text.replace(/\s+/g, ' '))).toEqual([
    expect.stringMatching(/^Sea poems \+ Ship’s diary 107 CEN you.*the genome that was used.* \+ 8 CEN so far/),
    expect.stringMatching(/^Sea poems 27 CEN you.*Parent of Sea poems \+ Ship’s diary/),
    expect.stringMatching(/^4d4d4d4d 26 CEN waits for its manifest.*Parent of Sea poems and Ship’s diary/),
    expect.stringMatching(/^Ship’s diary 26 CEN Anna’s laptop/),
  ])
  // Three parents, one of them twice.
  expect(await tree.locator('svg path').count()).toBe(4)
  expect(await tree.locator('svg path[stroke-dasharray]').count()).toBe(1)
  await wallet.getByRole('button', { name: 'Pay out now' }).click()
  await wallet.getByText('14 CEN went to the lineages').waitFor()
  await page.close()
})

test('a credit line is granted, changed and closed, and what can be lost by it is said', async () => {
  const page = await openWallet('shared')
  const line = page.locator(`[data-line="${BEN}"]`)
  expect(await line.innerText()).toContain('You lend each other nothing yet')
  await line.getByRole('button', { name: 'Lend: Ben’s desktop' }).click()
  const field = line.getByLabel('The most that Ben’s desktop may owe you, in CEN')
  await field.fill('1.5')
  await line.getByRole('button', { name: 'Save' }).click()
  expect(await line.getByRole('alert').innerText()).toBe('Whole CEN, from 0 on.')
  expect(await line.getByText('the most that you can lose to this node').isVisible()).toBe(true)
  await field.fill('250')
  await field.press('Enter')
  await line.getByText('You lend up to 250 CEN').waitFor()
  await page.locator('history-list').getByText('You lend Ben’s desktop up to 250 CEN').waitFor()
  await line.getByRole('button', { name: 'Close Ben’s desktop' }).click()
  await line.getByRole('button', { name: 'Close the line' }).click()
  await line.getByText('You lend each other nothing yet').waitFor()
  await page.locator('history-list').getByText('You closed the credit line of Ben’s desktop').waitFor()
  await page.close()
})

test('a link opens the wallet with the payment filled in, and nothing is paid before a press', async () => {
  const page = await scenes.open('wallet')
  await openLink(page, requestOf(BEN, 37, 'Two teas & a cake'))
  const card = page.locator('payment-card')
  await card.getByRole('heading', { name: 'Ben’s desktop asks for 37 CEN' }).waitFor()
  expect(await card.locator('section').innerText()).toContain('“Two teas & a cake”')
  expect(await card.locator('section').innerText()).toContain('You can pay it up to 437 CEN')
  // A reload does not ask again.
  expect(page.url()).not.toContain('pay=')
  expect(await page.locator('.balance').innerText()).toBe('71 CEN')
  await card.getByRole('button', { name: 'Pay 37 CEN' }).click()
  await card.getByText('Paid 37 CEN to Ben’s desktop. Both of you signed it.').waitFor()
  expect(await page.locator('.balance').innerText()).toBe('34 CEN')
  await card.getByRole('button', { name: 'Done' }).click()

  const send = page.locator('send-form')
  const paste = async (text: string) => {
    await send.getByLabel('Payment link you were given').fill(text)
    await send.getByRole('button', { name: 'Open' }).click()
  }
  await paste('https://example.org/?pay=nothing')
  expect(await send.getByRole('alert').innerText()).toContain('no payment request that can be read')
  await paste(`https://example.org/?pay=${requestOf(BEN, 401)}#join=00`)
  await card.getByText('You can pay it 400 CEN at most').waitFor()
  expect(await card.getByRole('button', { name: 'Pay 401 CEN' }).isDisabled()).toBe(true)
  await paste(requestOf('c7d1905be0f2a386'.repeat(4), 5))
  await card.getByText('It is not linked with this tab').waitFor()
  await paste(requestOf(BEN, null))
  await card.getByLabel('Amount in CEN').fill('12')
  await card.getByRole('button', { name: 'Pay 12 CEN' }).click()
  await card.getByText('Paid 12 CEN').waitFor()

  // By name, from the form.
  await send.getByLabel('Amount in CEN').fill('999')
  expect(await send.getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true)
  await send.getByLabel('Amount in CEN').fill('8')
  await send.getByRole('button', { name: 'Send', exact: true }).click()
  await send.getByText('Ben’s desktop has 8 CEN more').waitFor()
  expect(await page.locator('.balance').innerText()).toBe('14 CEN')
  await page.close()
})

test('a request is a link and a code that says the same, with the room’s invite only where a person wants it', async () => {
  const page = await openWallet('wallet')
  const form = page.locator('request-form')
  await form.getByLabel('Amount in CEN').fill('0')
  await form.getByRole('button', { name: 'Make a request' }).click()
  expect(await form.getByRole('alert').innerText()).toContain('Whole CEN, from 1 on')
  await form.getByLabel('Amount in CEN').fill('20')
  await form.getByLabel('What for').fill('Pizza')
  await form.getByRole('button', { name: 'Make a request' }).click()
  const field = form.getByLabel('Payment link', { exact: true })
  await form.getByRole('img', { name: 'QR code of the payment link' }).waitFor()
  const link = await field.inputValue()
  expect(readPaymentRequest(link)).toMatchObject({ amount: 20, note: 'Pizza' })
  expect(link).not.toContain('#')
  await form.getByRole('checkbox').check()
  expect(await field.inputValue()).toContain(`${link}#room=`)
  expect(await form.locator('li').last().innerText()).toContain('Anna’s laptop paid 12 CEN')
  await form.getByRole('button', { name: 'Take off the list Pizza' }).click()
  await form.getByRole('button', { name: 'Take off', exact: true }).click()
  await expect.poll(() => form.locator('li').count()).toBe(1)
  await page.close()
})

test('a code in front of the camera opens the payment, and a tab that can pay takes it over', async () => {
  const page = await scenes.open('alone')
  await page.context().addInitScript(
    (text) => {
      // Headless Chromium has neither a reader nor a camera: what is tested is what the page does with them.
      const canvas = document.createElement('canvas')
      Object.assign(globalThis, {
        BarcodeDetector: class {
          detect = async () => [{ rawValue: text }]
        },
      })
      Object.defineProperty(navigator, 'mediaDevices', {
        value: { getUserMedia: async () => canvas.captureStream() },
      })
      HTMLMediaElement.prototype.play = async () => {}
    },
    `https://example.org/?pay=${requestOf(BEN, 9, 'Scanned')}`,
  )
  await page.reload()
  await page.locator('nav .tab').nth(2).click()
  await page.getByRole('button', { name: 'Scan a QR code' }).click()
  const card = page.locator('payment-card')
  await card.getByText('“Scanned”').waitFor()
  expect(await card.getByRole('button', { name: 'Pay 9 CEN' }).isDisabled()).toBe(true)

  // The browser's other tab has an account with Ben. The first asks again, for a link that is opened after it came.
  const other = await page.context().newPage()
  await other.goto(page.url().replace('alone', 'wallet'))
  await other.locator('swarm-line').getByText('2 nodes').waitFor()
  await openLink(page, requestOf(BEN, 9, 'Scanned'))
  await card.getByText('Another tab of this browser, Kim’s laptop, can pay it up to 437 CEN.').waitFor()
  await card.getByRole('button', { name: 'Pay there' }).click()
  await card.getByText('The payment stands in the other tab now').waitFor()
  await other.locator('payment-card').getByRole('button', { name: 'Pay 9 CEN' }).waitFor()
  expect(await other.locator('.balance').innerText()).toBe('71 CEN')
  await other.locator('payment-card').getByRole('button', { name: 'Pay 9 CEN' }).click()
  await expect.poll(() => other.locator('.balance').innerText()).toBe('62 CEN')
  await page.close()
})

test('who signed two logs is told with what to do, and the key can be kept elsewhere', async () => {
  const page = await openWallet('forked')
  const alerts = await page.locator('ledger-warnings').getByRole('alert').allInnerTexts()
  expect(alerts[0]).toMatch(/^Your log was signed twice .* Start as a new node/)
  expect(alerts[1]).toMatch(/^c7d1 905b e0f2 a386 signed two different logs, which part at entry 8/)
  expect(alerts[2]).toContain('3 entries of your own log were lost')
  expect(await page.locator('ledger-warnings ul').innerText()).toContain('“I never asked for that answer.”')
  expect(await page.locator('[data-line^="c7d1"]').innerText()).toContain('nothing more goes between you')
  // It is offered to nobody as a payee.
  expect(await page.locator('send-form').getByLabel('To').innerText()).not.toContain('c7d1')

  await page.getByRole('button', { name: 'Make a backup' }).click()
  const safe = page.locator('key-safe')
  const phrase = safe.getByLabel('Passphrase').first()
  await phrase.fill('short')
  await safe.getByRole('button', { name: 'Save the file' }).click()
  expect(await safe.getByRole('alert').innerText()).toContain('at least 12 characters')
  await safe.getByRole('button', { name: 'Suggest one' }).click()
  expect(await phrase.inputValue()).toMatch(/^([a-z2-9]{4}-){4}[a-z2-9]{4}$/)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    safe.getByRole('button', { name: 'Save the file' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('centram-key-Kim-s-laptop.backup')
  await expect.poll(() => page.locator('ledger-warnings ul').innerText()).not.toContain('on this device alone')

  await safe.locator('summary').last().click()
  const restore = async (passphrase: string) => {
    await safe.getByLabel('Passphrase').last().fill(passphrase)
    await safe.getByRole('button', { name: 'Bring back' }).click()
    await safe.getByRole('button', { name: 'Go on' }).click()
  }
  await restore('the wrong passphrase')
  expect(await safe.getByRole('alert').innerText()).toBe('Choose the backup file first.')
  await safe.getByLabel('Backup file').setInputFiles({
    name: 'a.backup',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('a fake backup'),
  })
  await restore('the wrong passphrase')
  await expect.poll(() => safe.getByRole('alert').innerText()).toContain('The passphrase is not the one')
  await Promise.all([page.waitForEvent('load'), restore('the right passphrase')])
  await page.close()
})

test('prices are saved as whole CEN, and an empty wallet says what will stand there', async () => {
  const page = await openWallet('alone')
  await page.locator('send-form').getByText('Nobody is here who could be paid').waitFor()
  await page.getByText('Nothing yet. Each answer, payment and credit line will stand here').waitFor()
  await page.getByText('Nothing earned yet.').waitFor()
  const prices = page.locator('price-form')
  await prices.getByLabel('For 1,000 tokens written').fill('-3')
  await prices.getByRole('button', { name: 'Save' }).click()
  expect(await prices.getByRole('alert').innerText()).toContain('Whole CEN')
  await prices.getByLabel('For 1,000 tokens written').fill('120')
  await prices.getByRole('button', { name: 'Save' }).click()
  await prices.getByText('Saved: holds from the next answer on.').waitFor()
  expect(await prices.getByLabel('For 1,000 tokens written').inputValue()).toBe('120')
  await page.close()
})

test('the wallet fits a phone with everything open, in both languages, and axe finds no barrier', async () => {
  for (const [scene, options] of [
    ['wallet', { ...PHONE, language: 'de' }],
    ['forked', { ...PHONE, scheme: 'dark' }],
    ['wallet', {}],
  ] as const) {
    const page = await openWallet(scene, options)
    for (const summary of await page.locator('wallet-app details > summary').all()) await summary.click()
    await page.locator('request-form li button').first().click()
    await page.locator('history-list li button').first().click()
    await page.locator('credit-lines li button').first().click()
    expect(await findOverflow(page), scene).toEqual([])
    expect(await findBarriers(page), scene).toEqual([])
    await page.close()
  }
})
