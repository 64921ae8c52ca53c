// Four askers at a time on three tabs that hold one model together: everybody gets what one alone gets, and a fifth, without a GPU,
// hears how many are before it.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { GenerateResult } from '../../worker/node/api.ts'
import { launchBrowser, openTab, startApp, stateOf, untilState } from '../e2e/support/app.ts'
import { ask, setAnswerLength, textOf, untilOver } from '../e2e/support/chat.ts'

const TABS = 3
const QUESTIONS = [
  { tab: 0, text: 'The captain looked at the sea and' },
  { tab: 0, text: 'A letter came in the morning, and nobody' },
  { tab: 1, text: 'It was late' },
  { tab: 2, text: 'There is no frigate like a book to take us lands away, nor any coursers' },
]

let server: RunningServer
const browsers: Browser[] = []
const pages: Page[] = []

const pageOf = (tab: number) => pages[tab] ?? pages[0] ?? expect.fail('There is no tab.')

beforeAll(async () => {
  server = await startApp()
  let url = server.url
  for (let tab = 0; tab < TABS; tab++) {
    const browser = await launchBrowser()
    browsers.push(browser)
    const page = await openTab(browser, url)
    pages.push(page)
    if (tab === 0) url = await page.evaluate(() => centram.share())
  }
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  await server?.stop()
})

/** With the digest of every step's logits, so that no bit can differ unseen. */
const answer = (tab: number, requestId: string, text: string, maxTokens = 24) =>
  pageOf(tab).evaluate(
    ([id, prompt, tokens]) =>
      centram.generate(
        {
          requestId: id,
          modelId: 'toy',
          prompt: { text: prompt },
          maxTokens: tokens,
          logits: 'digest',
          stopAtEnd: false,
        },
        () => {},
      ),
    [requestId, text, maxTokens] as const,
  )

const bitsOf = ({ tokens, logitsDigests }: GenerateResult) => ({ tokens, logitsDigests })

async function placeOverAll(tab: number): Promise<void> {
  await pageOf(tab).evaluate(() => centram.loadModel('toy'))
  await untilState(pageOf(tab), `a placement of tab ${tab} over all`, ({ placement }) => {
    const stages = placement?.stages ?? []
    return new Set(stages.map(({ nodeId }) => nodeId)).size === TABS && stages.every(({ status }) => status === 'ready')
  })
}

describe('four askers', () => {
  const alone: GenerateResult[] = []

  test('of one tab’s pipeline over three get what each gets alone', async () => {
    await placeOverAll(0)
    for (const [index, { text }] of QUESTIONS.entries()) alone.push(await answer(0, `alone ${index}`, text))
    expect(alone.every(({ stages, logitsDigests }) => stages.length === TABS && logitsDigests.length === 24)).toBe(true)
    const together = await Promise.all(QUESTIONS.map(({ text }, index) => answer(0, `together ${index}`, text)))
    expect(together.map(bitsOf)).toEqual(alone.map(bitsOf))
  })

  test('at three tabs, each with a pipeline of its own over all, get what each gets alone', async () => {
    for (let tab = 1; tab < TABS; tab++) await placeOverAll(tab)
    const states = await Promise.all(pages.map((page) => stateOf(page)))
    // Every tab holds layers for both others.
    expect(states.map(({ held }) => held.filter(({ ready }) => ready).length)).toEqual([2, 2, 2])
    // Each asker dictates the kernel shapes, which its own browser measured.
    const own: GenerateResult[] = []
    for (const [index, { tab, text }] of QUESTIONS.entries()) own.push(await answer(tab, `own ${index}`, text))
    expect(own.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens))
    const together = await Promise.all(QUESTIONS.map(({ tab, text }, index) => answer(tab, `both ${index}`, text)))
    expect(together.map(bitsOf)).toEqual(own.map(bitsOf))
  })
})

test('whoever asks while four are answered waits, sees its place, and is answered in turn', async () => {
  const light = await launchBrowser({ gpu: false })
  browsers.push(light)
  const invite = (await stateOf(pageOf(0))).room?.invite ?? ''
  const page = await openTab(light, server.url)
  await setAnswerLength(page, 16)
  await page.goto(invite)
  await page.reload()
  const through = page.getByRole('button', { name: /^Chat with .* through / })
  await through.waitFor({ timeout: 60_000 })
  // All three can answer: each is kept busy until the one that was asked has said so.
  const busy = pages.map((host) =>
    host.evaluate(async () => {
      const ask = async (asker: number) => {
        for (let count = 0; !('heard' in globalThis); count++) {
          const prompt = { text: `${asker} asks` }
          await centram.generate({ requestId: `${asker}/${count}`, modelId: 'toy', prompt, maxTokens: 60 }, () => {})
        }
      }
      await Promise.all([1, 2, 3, 4, 5].map(ask))
    }),
  )
  await through.click()
  const turn = await ask(page, 'The captain looked at the sea and ')
  const note = turn.locator('.note[role=status]', { hasText: /Waiting for its turn: (you are next|\d+ before you)/ })
  await note.waitFor({ timeout: 60_000 })
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  for (const host of pages) await host.evaluate(() => void Object.assign(globalThis, { heard: true }))
  await untilOver(turn)
  expect((await textOf(turn)).length).toBeGreaterThan(5)
  expect(await turn.innerText()).toMatch(/16 tokens/)
  await Promise.all(busy)
})
