// The main job, by hand: one model answers from two browsers, and what becomes of it when one of them goes.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from './support/app.ts'
import { ask, askAndWait, chooseBuiltIn, setAnswerLength, textOf, untilOver, untilWriting } from './support/chat.ts'

const PROMPT = 'The captain looked at the sea and'
/** Enough to be still at work when something happens to it. */
const LONG = 90

let server: RunningServer
let first: Browser
let second: Browser
let page: Page
let other: Page
let invite = ''

beforeAll(async () => {
  server = await startApp()
  first = await launchBrowser()
  second = await launchBrowser()
  page = await openTab(first, server.url)
})
afterAll(async () => {
  await first?.close()
  await second?.close()
  await server?.stop()
})

const isSplit = (state: Awaited<ReturnType<typeof stateOf>>) =>
  state.placement?.stages.length === 2 && state.placement.stages.every((stage) => stage.status === 'ready')

describe('one model over two browsers', () => {
  let alone = ''
  /** The long answer that nothing happened to. */
  let whole = ''

  test('the first visit chats at once with the built-in model', async () => {
    await setAnswerLength(page, 24)
    await page.reload()
    await untilNode(page)
    await chooseBuiltIn(page)
    const answer = await askAndWait(page, PROMPT)
    alone = await textOf(answer)
    expect(alone.length).toBeGreaterThan(10)
    expect(await answer.innerText()).toMatch(/24 tokens · .* tokens\/s · compute .* by this tab/)
  })

  test('share gives a link with its QR code, and whoever opens it holds a part of the layers', async () => {
    await page.getByRole('button', { name: 'Share' }).click()
    await page.getByRole('button', { name: 'Make an invite link' }).click()
    const link = page.getByRole('region', { name: 'Share' }).getByLabel('Invite link', { exact: true })
    await link.waitFor()
    invite = await link.inputValue()
    expect(invite).toMatch(/#join=[0-9a-f]{32}$/)
    await page.getByRole('img', { name: 'QR code of the invite link' }).first().waitFor()
    other = await openTab(second, invite)
    const state = await untilState(page, 'a placement over both', isSplit)
    const [mine, theirs] = state.placement?.stages ?? []
    expect(mine?.nodeId).toBe(state.id)
    expect(theirs?.nodeId).toBe((await stateOf(other)).id)
    expect(mine?.range.last).toBe(theirs?.range.first)
  })

  test('the split gives the text that one tab gave, and says who computed it', async () => {
    const answer = await askAndWait(page, PROMPT)
    expect(await textOf(answer)).toBe(alone)
    const name = (await stateOf(other)).name
    expect(await answer.innerText()).toContain(`by this tab and ${name}`)
    expect(await answer.innerText()).toMatch(/wire [\d.]+ m?s/)
    expect(await answer.locator('.layers li').allInnerTexts()).toEqual([
      expect.stringMatching(/^layers? [\d–]+ this tab$/),
      expect.stringMatching(new RegExp(`^layers? [\\d–]+ ${name}$`)),
    ])
    expect(await page.locator('chat-app layer-ribbon li').allInnerTexts()).toContainEqual(expect.stringContaining(name))
  })

  test('a reload returns with the same id, the same room and the same chat', async () => {
    const before = await stateOf(page)
    await page.reload()
    await untilNode(page)
    const after = await untilState(page, 'the peer again', (state) => state.peers.some((peer) => peer.link === 'open'))
    expect(after.id).toBe(before.id)
    expect(after.room?.id).toBe(before.room?.id)
    const texts = await page.locator('turn-list .text').allInnerTexts()
    expect(texts.map((text) => text.trim())).toContain(alone)
  })

  test('when the other side reloads, the link comes back and the answer is whole again', async () => {
    await page.evaluate(() => centram.loadModel('toy'))
    await untilState(page, 'a placement over both', isSplit)
    const before = (await stateOf(other)).id
    await other.reload()
    await untilNode(other)
    expect((await stateOf(other)).id).toBe(before)
    await untilState(page, 'a placement over both again', isSplit)
    const result = await page.evaluate(
      (text) =>
        centram.generate(
          { requestId: 'again', modelId: 'toy', prompt: { text }, maxTokens: 24, sampling: { temperature: 0 } },
          () => {},
        ),
      PROMPT,
    )
    expect(result.text.trim()).toBe(alone)
    expect(result.stages).toHaveLength(2)
  })

  test('closing a tab in the middle of an answer is told within 3 s, and the answer goes on as if nothing had happened', async () => {
    await setAnswerLength(page, LONG)
    await page.reload()
    await untilNode(page)
    await page.evaluate(() => centram.loadModel('toy'))
    await untilState(page, 'a placement over both', isSplit)
    whole = await textOf(await askAndWait(page, PROMPT))
    const name = (await stateOf(other)).name
    const answer = await ask(page, PROMPT)
    await untilWriting(answer)
    const began = Date.now()
    await other.close()
    await answer.locator('.recovery', { hasText: name }).waitFor()
    expect(Date.now() - began).toBeLessThan(3000)
    await untilOver(answer)
    expect(await answer.locator('.recovery').innerText()).toContain('The answer went on where it stood')
    expect(await textOf(answer)).toBe(whole)
  })

  test('a killed browser, which says no goodbye, is found by its silence, and the answer goes on', async () => {
    const victim = await launchBrowser()
    const guest = await openTab(victim, invite)
    await untilState(page, 'a placement over both', isSplit)
    const name = (await stateOf(guest)).name
    const answer = await ask(page, PROMPT)
    await untilWriting(answer)
    const session = await victim.newBrowserCDPSession()
    const began = Date.now()
    await session.send('Browser.crash').catch(() => {})
    await answer.locator('.recovery', { hasText: name }).waitFor()
    // After 2.5 s of silence; the rest is what a busy machine may add.
    expect(Date.now() - began).toBeLessThan(8000)
    await untilOver(answer)
    expect(await textOf(answer)).toBe(whole)
    await victim.close().catch(() => {})
  })
})

test('two tabs of one browser are two nodes, each with its own id across reloads', async () => {
  const context = await first.newContext()
  const tabs = [await openTab(context, server.url), await openTab(context, server.url)] as const
  const ids = await Promise.all(tabs.map(async (tab) => (await stateOf(tab)).id))
  expect(new Set(ids).size).toBe(2)
  for (const tab of tabs) await tab.reload()
  for (const tab of tabs) await untilNode(tab)
  expect(await Promise.all(tabs.map(async (tab) => (await stateOf(tab)).id))).toEqual(ids)
  await context.close()
})
