// The chat over a fake node: what a model writes is shown and never run, nothing said is lost, and what a person sets reaches the node.

import { readFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBarriers } from './support/axe.ts'
import { askAndWait } from './support/chat.ts'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(() => scenes.close())

const turns = (page: Page) => page.locator('turn-list li[data-turn]')
const press = (page: Page | Locator, name: string) => page.getByRole('button', { name, exact: true }).click()
const asked = async (page: Page): Promise<unknown> =>
  JSON.parse(await page.locator('turn-list code-block code').last().innerText())

test('Markdown is shown as such, and nothing that a model writes runs or is fetched', async () => {
  const page = await scenes.open('markdown', { width: 360, height: 740 })
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  const answer = await askAndWait(page, 'Why does the sea have tides?')
  const text = answer.locator('.text')
  for (const [selector, content] of [
    ['h3', 'Tides'],
    ['strong', 'Moon'],
    ['ol > li > ul > li', '☑ and the coast passes both.'],
    ['blockquote', 'The Sun does about half as much.'],
    ['table td', '0.46'],
  ] as const)
    await text.locator(selector, { hasText: content }).waitFor()
  const links = await text
    .locator('a')
    .evaluateAll((all) => all.map((link) => [link.getAttribute('href'), link.getAttribute('rel')]))
  expect(links).toEqual([
    ['https://example.org/tides', 'noopener noreferrer'],
    ['https://tracker.example/picture.png', 'noopener noreferrer'],
  ])
  expect(await text.innerText()).toContain(`<script>globalThis.broken = 'script'</script>`)
  expect(await text.locator('script, img, b, [onclick], [onerror]').count()).toBe(0)
  await text.getByText('press me').click()
  expect(await page.evaluate(() => 'broken' in globalThis)).toBe(false)
  expect(requests.filter((url) => url.includes('tracker.example'))).toEqual([])
  expect(await findOverflow(page)).toEqual([])
  expect(await findBarriers(page)).toEqual([])

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await press(answer.locator('code-block'), 'Copy')
  await answer.getByText('Copied').waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(
    /^def pull\(mass.*\n {4}#.*\n {4}return .*3$/,
  )
  await page.close()
})

test('questions are changed and answered again without losing what was said, and chats are kept, found, saved and brought in', async () => {
  const page = await scenes.open('echo')
  const first = await askAndWait(page, 'Why does the sea have tides?')
  // Who computed which layers, and how fast.
  expect(await first.innerText()).toMatch(
    /24.2 tokens\/s · compute 32 ms · wire 9.4 ms a token · by this tab, Anna’s laptop and/,
  )
  expect(await first.locator('.layers li').allInnerTexts()).toEqual([
    'layers 1–14 this tab',
    'layers 15–22 Anna’s laptop',
    'layers 23–32 Ben’s desktop',
  ])
  await press(first, 'Answer again')
  await turns(page).getByText('2 of 2').waitFor()
  await press(turns(page).first(), 'Edit')
  await page.getByLabel('Question in other words').fill('And the lakes?')
  await page.keyboard.press('Enter')
  await turns(page).first().getByText('And the lakes?').waitFor()
  await page.locator('turn-list li.assistant.done').waitFor()
  expect(await turns(page).count()).toBe(2)
  await press(turns(page).first(), 'Previous version')
  await turns(page).first().getByText('Why does the sea have tides?').waitFor()
  await turns(page).getByText('2 of 2').waitFor()
  await press(turns(page).last(), 'Branch off')
  await expect
    .poll(() =>
      turns(page)
        .getByText(/\d of \d/)
        .count(),
    )
    .toBe(0)

  await page.reload()
  await turns(page).first().getByText('Why does the sea have tides?').waitFor()
  await press(page, 'Chats')
  const list = page.locator('chat-list')
  await expect.poll(() => list.locator('.chat').count()).toBe(2)
  await list.getByLabel('Search the chats').fill('LAKES')
  await expect.poll(() => list.locator('.chat').count()).toBe(1)
  await list.locator('.chat .excerpt').getByText('And the lakes?').waitFor()
  await list.getByRole('button', { name: /^More on/ }).click()
  await press(list, 'Rename')
  await list.getByLabel('Name of the chat').fill('Water')
  await page.keyboard.press('Enter')
  await list.getByText('Water').waitFor()
  await list.getByLabel('Search the chats').fill('')

  const [download] = await Promise.all([page.waitForEvent('download'), press(list, 'Save all as JSON')])
  const file = { name: 'chats.json', mimeType: 'application/json', buffer: await readFile(await download.path()) }
  await list.getByRole('button', { name: 'More on “Water”' }).click()
  await press(list, 'Delete Water')
  await list.getByRole('group', { name: 'Delete this chat for good?' }).getByRole('button', { name: 'Delete' }).click()
  await expect.poll(() => list.locator('.chat').count()).toBe(1)
  await list.getByLabel('A file of chats').setInputFiles(file)
  await list.getByText('1 chat brought in, 1 here already.').waitFor()
  await list.getByLabel('A file of chats').setInputFiles({ ...file, buffer: Buffer.from('{"chats": 3}') })
  expect(await list.getByRole('alert').innerText()).toContain('Choose a file that Centram’s chat saved as JSON.')
  await list.locator('.open', { hasText: 'Water' }).click()
  await turns(page).getByText('1 of 2').waitFor()
  await page.close()
})

test('instructions, sampling and text files reach the node', async () => {
  const page = await scenes.open('echo')
  await press(page, 'Instructions and sampling')
  await page.getByLabel('Instructions for this chat').fill('Be brief.')
  await page.getByText('More on sampling').click()
  await page.getByLabel('Among the likeliest').fill('40')
  await page.getByLabel('Seed').fill('7')
  await page.getByLabel('Longest answer').fill('256')
  const file = (name: string, content: Buffer) => ({ name, mimeType: 'text/plain', buffer: content })
  await page
    .getByLabel('Text files')
    .setInputFiles([file('notes.txt', Buffer.from('low, high\n')), file('a.bin', Buffer.of(0xff, 0))])
  expect(await page.locator('message-box').getByRole('alert').innerText()).toContain('a.bin is not a text')
  expect(await findBarriers(page)).toEqual([])
  await askAndWait(page, 'What is in it?')
  await turns(page).first().getByText('notes.txt, 10 B').waitFor()
  expect(await asked(page)).toEqual({
    prompt: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'notes.txt:\n```\nlow, high\n```\n\nWhat is in it?' },
      ],
    },
    maxTokens: 256,
    sampling: { temperature: 0.7, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1.1, seed: 7 },
  })
  await page.close()
})

test('genomes are switched on and off beside the model, and an answer names those it was given with', async () => {
  const page = await scenes.open('lab')
  await page.getByRole('button', { name: 'Model: Built-in toy' }).click()
  await page.getByRole('checkbox', { name: 'Grandmother’s recipes', exact: true }).uncheck()
  await page.getByRole('button', { name: 'Model: Built-in toy' }).click()
  const answer = await askAndWait(page, 'The sea')
  await answer.getByText('Built-in toy with Sea poems', { exact: true }).waitFor()
  await press(page, 'Switch Sea poems off')
  const plain = await askAndWait(page, 'The sea')
  await plain.getByText('Built-in toy', { exact: true }).waitFor()
  await page.close()
})

test('a phone without a GPU chats through another node, in German too', async () => {
  const page = await scenes.open('light', { width: 360, height: 740, language: 'de-DE' })
  await page.getByRole('button', { name: /^Mit SmolLM2 360M Instruct/ }).click()
  await page.getByLabel('Nachricht', { exact: true }).fill('Hallo')
  await press(page, 'Senden')
  const answer = page.locator('turn-list li.assistant.done')
  expect(await answer.innerText()).toContain('alle Schichten über Anna’s laptop')
  expect(await findOverflow(page)).toEqual([])
  await press(page, 'Gespräche')
  await page.locator('chat-list').getByText('Hallo').waitFor()
  expect(await findOverflow(page)).toEqual([])
  expect(await findBarriers(page)).toEqual([])
  // The list covers the conversation and gives way to what is chosen in it.
  expect(await page.getByLabel('Nachricht', { exact: true }).isVisible()).toBe(false)
  await page.locator('chat-list .open').click()
  await page.getByLabel('Nachricht', { exact: true }).waitFor()
  await page.close()
})

test('a conversation that the first version kept is there again', async () => {
  const page = await scenes.open('alone')
  const address = page.url()
  // A page of the same origin that has no database open.
  await page.goto(
    await page
      .locator('script[src]')
      .first()
      .evaluate((script) => (script as HTMLScriptElement).src),
  )
  await page.evaluate(async (nodeId) => {
    const ended = (request: IDBOpenDBRequest) => new Promise((resolve) => (request.onsuccess = resolve))
    await ended(indexedDB.deleteDatabase('centram-chats'))
    const opening = indexedDB.open('centram-chats', 1)
    opening.onupgradeneeded = () => {
      const turn = { id: 'a', role: 'user', text: 'An old question', state: 'done' }
      opening.result.createObjectStore('turns').put([turn, { ...turn, id: 'b', text: 'An old answer' }], nodeId)
    }
    await ended(opening)
    opening.result.close()
  }, '3fa91c07d2be4488'.repeat(4))
  await page.goto(address)
  await turns(page).getByText('An old answer').waitFor()
  await page.reload()
  await turns(page).getByText('An old question').waitFor()
  await page.close()
})
