// The pages themselves, over a fake node: what a person is told, and that it can be read, reached and fitted on a phone.

import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

test('the first visit says what this is, who one is, and how to begin', async () => {
  const page = await scenes.open('alone')
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect(await page.locator('chat-app [data-node-id]').textContent()).toBe('3fa9 1c07 d2be 4488')
  await page.locator('first-visit').getByText('NVIDIA GeForce RTX 4070 Laptop GPU').waitFor()
  for (const name of ['Chat with the built-in model', /Get a real model.*145 MB/, 'Invite a device'])
    expect(await page.getByRole('button', { name }).isVisible()).toBe(true)
  await page.close()
})

test('a model says what it takes before anything is fetched', async () => {
  const page = await scenes.open('alone')
  await page.getByRole('button', { name: /Get a real model/ }).click()
  const detail = page.locator('[data-model="smollm2-135m"] .detail')
  await expect.poll(() => detail.innerText()).toContain('Downloads 145 MB')
  expect(await detail.innerText()).toContain('188 MB of GPU memory')
  expect(await detail.innerText()).toContain('11 GB free')
  await page.close()
})

test('a file is dropped anywhere on the page, and a refused one is told with its place and remedy', async () => {
  const page = await scenes.open('alone')
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['GGUF'], 'tiny.gguf'))
    for (const type of ['dragover', 'drop']) {
      document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer, bubbles: true, composed: true, cancelable: true }),
      )
    }
  })
  const alert = page.locator('chat-app').getByRole('alert')
  await expect.poll(() => alert.innerText()).toContain('the file ends at 20,000')
  await page.close()
})

test('a device nearby asks, one shows the code and the other has it typed', async () => {
  const asked = await scenes.open('asked')
  const asking = asked.locator('.sharing').getByRole('group', { name: 'Pairing with Anna’s laptop' })
  expect(await asking.innerText()).toContain('Anna’s laptop invites you into its room.')
  for (const name of ['Agree', 'Decline']) expect(await asking.getByRole('button', { name }).isVisible()).toBe(true)
  await asked.close()

  const reading = await scenes.open('reading')
  await reading.getByRole('button', { name: 'Share' }).click()
  expect(await reading.locator('.sharing [data-code]').innerText()).toBe('482 913')
  await reading.close()

  const typing = await scenes.open('typing')
  await typing.getByRole('button', { name: 'Share' }).click()
  const panel = typing.locator('.sharing')
  await panel.getByLabel('Code that Ben’s phone shows').fill('123456')
  await panel.getByRole('button', { name: 'Let it in', exact: true }).click()
  expect(await panel.getByRole('alert').innerText()).toContain('not the code')
  await panel.getByText('2 tries are left.').waitFor()
  await panel.getByRole('button', { name: /Paired before/ }).waitFor()
  await typing.close()
})

test('a lost GPU is told at once, with the remedy', async () => {
  const page = await scenes.open('lost')
  expect(await page.locator('notice-list').getByRole('alert').innerText()).toContain('Load the model again')
  await page.close()
})

test('an answer whose node leaves keeps its text and says who left', async () => {
  const page = await scenes.open('leaving')
  await ask(page, 'Why does the sea have tides?')
  const failure = page.locator('turn-list [data-code="PEER_LEFT"]')
  await expect.poll(() => failure.innerText()).toContain('Anna’s laptop left in the middle of this answer')
  expect(await page.locator('turn-list .assistant .text').innerText()).toMatch(/^A tide is the slow rise/)
  expect(await page.getByRole('button', { name: 'Send' }).isVisible()).toBe(true)
  await page.close()
})

test('Escape stops an answer and keeps what came', async () => {
  const page = await scenes.open('shared')
  await ask(page, 'Why does the sea have tides?')
  await page.locator('turn-list .streaming .text').waitFor()
  await page.keyboard.press('Escape')
  await page.getByText('Stopped here.').waitFor()
  const text = await page.locator('turn-list .assistant .text').innerText()
  expect(text.length).toBeGreaterThan(0)
  expect(text).not.toContain('both in a day')
  await page.close()
})

test('a tab without a GPU says why and what to do, and chats through a peer', async () => {
  const page = await scenes.open('light')
  const note = page.locator('first-visit').getByRole('note')
  expect(await note.innerText()).toContain('Turn on graphics acceleration')
  expect(await note.innerText()).toContain('light node')
  await page.getByRole('button', { name: 'Chat with SmolLM2 360M Instruct through Anna’s laptop' }).click()
  await ask(page, 'Hello')
  await page.getByText('both in a day').waitFor()
  await page.close()
})

test('the ribbon names every stretch, its node and its time', async () => {
  const page = await scenes.open('shared')
  const label = await page.locator('chat-app layer-ribbon .band').getAttribute('aria-label')
  expect(label).toBe(
    '32 layers over this tab, Anna’s laptop and Ben’s desktop: layers 1–14 on this tab, ready; ' +
      'layers 15–22 on Anna’s laptop, ready; layers 23–32 on Ben’s desktop, ready',
  )
  const captions = await page.locator('chat-app layer-ribbon li').allInnerTexts()
  expect(captions.join(' ')).toContain('9.6 ms')
  expect(captions.join(' ')).toContain('wire 9.4 ms')
  await page.close()
})

test('the speed of a link is measured when a person asks, and told with what it went over', async () => {
  const page = await scenes.open('shared')
  await page.getByRole('button', { name: 'Node', exact: true }).click()
  await page.getByRole('button', { name: 'Measure the speed of the link to Anna’s laptop' }).click()
  await page.locator('peer-list').getByText('6.8 MB/s over 4 connections').waitFor()
  await page.close()
})

test('a node that only lends its layers sees whose model it is and where the rest is', async () => {
  const page = await scenes.open('guest')
  expect(await page.locator('swarm-line p').innerText()).toContain('layers 19–32 held for Anna’s laptop')
  const captions = (await page.locator('chat-app layer-ribbon li').allInnerTexts()).join(' ')
  expect(captions).toContain('Anna’s laptop answers with SmolLM2 360M Instruct')
  await page.close()
})

test('the light on the ribbon runs with the tokens, and stands still where motion is unwanted', async () => {
  for (const reducedMotion of [false, true]) {
    const page = await scenes.open('shared', { reducedMotion })
    await page.evaluate(() => {
      const animate = Element.prototype.animate
      Object.assign(globalThis, { runs: 0 })
      Element.prototype.animate = function (...args) {
        ;(globalThis as unknown as { runs: number }).runs++
        return animate.apply(this, args)
      }
    })
    await ask(page, 'Why does the sea have tides?')
    await page.getByText('both in a day').waitFor()
    const runs = await page.evaluate(() => (globalThis as unknown as { runs: number }).runs)
    if (reducedMotion) expect(runs).toBe(0)
    else expect(runs).toBeGreaterThan(10)
    await page.close()
  }
})

test('every scene fits a 360-pixel phone', async () => {
  for (const scene of ['alone', 'shared', 'guest', 'leaving', 'light', 'insecure', 'downloading']) {
    const page = await scenes.open(scene, { width: 360, height: 740 })
    for (const view of ['Chat', 'Node']) {
      await page.getByRole('button', { name: view, exact: true }).click()
      expect(await findOverflow(page), `${scene}, ${view}`).toEqual([])
    }
    await page.close()
  }
})

test('every text colour reaches 4.5 to 1 on every ground it stands on, light and dark', async () => {
  const pairs = [
    ['ink', ['paper', 'paper-raised', 'paper-sunken', 'accent-wash']],
    ['ink-soft', ['paper', 'paper-raised', 'paper-sunken']],
    ['accent', ['paper', 'paper-raised', 'accent-wash']],
    ['accent-ink', ['accent']],
    ['loss', ['paper', 'paper-raised', 'loss-wash']],
  ] as const
  for (const scheme of ['light', 'dark'] as const) {
    const page = await scenes.open('alone', { scheme })
    for (const [text, grounds] of pairs) {
      for (const ground of grounds) {
        const ratio = await page.evaluate(contrast, [`--${text}`, `--${ground}`] as const)
        expect(ratio, `${text} on ${ground}, ${scheme}`).toBeGreaterThanOrEqual(4.5)
      }
    }
    await page.close()
  }
})

/** WCAG 2 contrast ratio of two custom properties; runs in the page. */
function contrast([text, ground]: readonly [string, string]): number {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const probe = document.body.appendChild(document.createElement('span'))
  const luminance = (property: string): number => {
    probe.style.color = `var(${property})`
    if (!canvas) return 0
    canvas.fillStyle = getComputedStyle(probe).color
    canvas.fillRect(0, 0, 1, 1)
    const channels = [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((byte) => {
      const value = byte / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * (channels[0] ?? 0) + 0.7152 * (channels[1] ?? 0) + 0.0722 * (channels[2] ?? 0)
  }
  const [a, b] = [luminance(text), luminance(ground)]
  probe.remove()
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

test('the public address is asked for only when a person turns that on, and servers of her own are checked', async () => {
  const page = await scenes.open('shared')
  await page.getByRole('button', { name: 'Node', exact: true }).click()
  expect(await page.locator(`[data-peer^="58c7"] .link`).innerText()).toMatch(/round trip, relayed/)
  const connections = page.getByRole('region', { name: 'Connections' })
  const words = connections.locator('link-settings .stack')
  const stun = connections.getByRole('checkbox')
  expect(await stun.isChecked()).toBe(false)
  expect(await words.innerText()).toContain('stun.l.google.com:19302 (Google’s) learns that this device uses it')
  await stun.check()
  await expect.poll(() => words.innerText()).toContain('On: nodes on other networks can link straight')
  await connections.locator('summary').click()
  const address = connections.getByLabel('Address of a STUN or TURN server')
  await address.fill('turn:my.example')
  await connections.getByRole('button', { name: 'Add' }).click()
  await expect.poll(() => connections.getByRole('alert').innerText()).toContain('needs a user name and a password')
  await connections.getByLabel('User name').fill('kim')
  await connections.getByLabel('Password').fill('x')
  await connections.getByRole('button', { name: 'Add' }).click()
  await connections.getByRole('button', { name: 'Remove turn:my.example' }).waitFor()
  await address.fill('stun:my.example')
  await connections.getByRole('button', { name: 'Add' }).click()
  await expect.poll(() => words.innerText()).toContain('When on, my.example learns')
  await connections.getByRole('button', { name: 'Remove turn:my.example' }).click()
  await expect.poll(() => connections.getByText('turn:my.example', { exact: true }).count()).toBe(0)
  await page.close()
})

test('what was shared with whom is told, and what may be is a person’s choice', async () => {
  const page = await scenes.open('shared')
  await page.getByRole('button', { name: 'Node', exact: true }).click()
  const sharing = page.getByRole('region', { name: 'Sharing' })
  await sharing.getByRole('row', { name: 'Anna’s laptop 96 MB 101 MB' }).waitFor()
  await sharing.getByRole('row', { name: 'Models’ own addresses 62 MB –' }).waitFor()
  expect(await sharing.locator('.stack').innerText()).toContain('One part was not what it should be')
  expect(await page.locator('[data-model="smollm2-360m"]').innerText()).toContain('96 MB from other nodes')
  await sharing.getByLabel('Upload at most').selectOption({ label: '1.0 MB/s' })
  await sharing.getByLabel('Keep for others').selectOption({ label: 'nothing' })
  await sharing.getByRole('checkbox').uncheck()
  await expect.poll(() => sharing.locator('.stack').innerText()).toContain('Off: they fetch it elsewhere')
  expect(await sharing.getByLabel('Upload at most').isDisabled()).toBe(true)
  expect(await sharing.getByLabel('Upload at most').inputValue()).toBe('1000000')
  expect(await sharing.getByLabel('Keep for others').inputValue()).toBe('0')
  await page.close()
})
