// The shell over a fake node: its two languages, the first visit, the keyboard, what is asked of the browser, and axe.

import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBarriers } from './support/axe.ts'
import { startScenes, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

const PHONE = { width: 360, height: 740 } as const

/** Every app in front, one after the other; the label is that of the rail. */
async function* views(page: Page): AsyncGenerator<string> {
  for (const tab of await page.locator('nav .tab').all()) {
    const label = await tab.innerText()
    await tab.click()
    // An app is fetched when it is first in front.
    await page.locator('main > :not([hidden])').locator('h2, h3, textarea').first().waitFor({ state: 'attached' })
    yield label.trim()
  }
}

test('the first answer is two presses away, and the first visit fits one screen', async () => {
  for (const size of [{}, PHONE]) {
    const page = await scenes.open('alone', size)
    const hidden = await page
      .locator('chat-app .scroll')
      .evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)
    expect(hidden).toBeLessThanOrEqual(0)
    await page.getByRole('button', { name: 'Chat with the built-in model' }).click()
    await page.getByRole('button', { name: 'The whale', exact: true }).click()
    await page.getByText('both in a day').waitFor()
    await page.close()
  }
})

test('the page speaks the browser’s language, and another at one press that is kept', async () => {
  const page = await scenes.open('shared', { language: 'de-AT' })
  const nav = page.getByRole('navigation', { name: 'Apps' })
  expect(await nav.getByRole('button', { name: 'Labor' }).isVisible()).toBe(true)
  expect(await page.locator('html').getAttribute('lang')).toBe('de')
  expect(await page.locator('swarm-line p').innerText()).toContain('24,2 Token/s')
  await page.getByRole('button', { name: 'English' }).click()
  await nav.getByRole('button', { name: 'Lab', exact: true }).waitFor()
  expect(await page.locator('swarm-line p').innerText()).toContain('24.2 tokens/s')
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
  await page.reload()
  await nav.getByRole('button', { name: 'Lab', exact: true }).waitFor()
  await page.close()
})

test('what the node says in English stands in German by its code, with the original as the detail', async () => {
  const page = await scenes.open('leaving', { language: 'de' })
  const notice = page.locator('notice-list').getByRole('alert')
  expect(await notice.innerText()).toMatch(/^Ein anderer Knoten ist gegangen/)
  expect(await notice.locator('[lang=en]').innerText()).toBe(
    'Anna’s laptop left; it held layers 15–22 of SmolLM2 360M Instruct.',
  )
  await page.close()
})

test('in German no English sentence is left', async () => {
  for (const scene of ['alone', 'shared', 'light', 'reading']) {
    const page = await scenes.open(scene, { language: 'de' })
    for await (const view of views(page)) expect(await page.evaluate(findEnglish), `${scene}, ${view}`).toEqual([])
    await page.close()
  }
})

/** Texts and labels, through all shadow roots, with a word that only English has; runs in the page. */
function findEnglish(): readonly string[] {
  const english = /\b(the|and|of|with|your|you|this|from|is|are|not|to|for|nothing|none)\b/i
  const found: string[] = []
  const visit = (root: Element | ShadowRoot) => {
    for (const child of root.childNodes) {
      if (child instanceof Text && english.test(child.data)) found.push(child.data.trim())
      if (!(child instanceof Element) || child.matches('style, script, [hidden], [lang=en]')) continue
      for (const name of ['aria-label', 'title', 'placeholder']) {
        const label = child.getAttribute(name) ?? ''
        if (english.test(label)) found.push(label)
      }
      if (child.shadowRoot) visit(child.shadowRoot)
      visit(child)
    }
  }
  visit(document.body)
  return found
}

test('the keyboard alone reaches everything: past the rail, into an app, out of the panel', async () => {
  const page = await scenes.open('shared')
  await page.keyboard.press('Tab')
  expect(await focused(page)).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  expect(await page.locator('main').evaluate((main) => main.matches(':focus'))).toBe(true)
  await page.getByRole('button', { name: 'Lab', exact: true }).press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Lab' }).waitFor()
  await expect.poll(() => page.title()).toBe('Lab · Centram')
  await page.getByRole('button', { name: 'Share', exact: true }).press('Enter')
  await page.locator('.sharing').getByLabel('Invite link', { exact: true }).focus()
  await page.keyboard.press('Escape')
  await expect.poll(() => focused(page)).toBe('Share')
  expect(await page.locator('.sharing').count()).toBe(0)
  await page.close()
})

/** What has the focus, through all shadow roots. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let element = document.activeElement
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
    return element?.textContent.trim() ?? ''
  })
}

test('lasting storage is asked for once there is something to keep, and once', async () => {
  const page = await scenes.open('alone')
  const asked = await page.evaluateHandle(() => {
    const count = { calls: 0 }
    StorageManager.prototype.persisted = () => Promise.resolve(false)
    StorageManager.prototype.persist = () => {
      count.calls++
      return Promise.resolve(true)
    }
    return count
  })
  for (let question = 0; question < 2; question++) {
    expect((await asked.jsonValue()).calls).toBe(question === 0 ? 0 : 1)
    await page.getByLabel('Message', { exact: true }).fill('Why does the sea have tides?')
    await page.keyboard.press('Enter')
    await page.getByText('both in a day').nth(question).waitFor()
  }
  expect((await asked.jsonValue()).calls).toBe(1)
  await page.close()
})

test('axe finds nothing in any app, wide in the light and on a phone in the dark', async () => {
  for (const options of [{}, { ...PHONE, scheme: 'dark' } as const]) {
    const page = await scenes.open('shared', options)
    for await (const view of views(page)) expect(await findBarriers(page), view).toEqual([])
    await page.close()
  }
})
