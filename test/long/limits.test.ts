// Limits, measurements, log and storage in real tabs: what a person sets on the Node page is what the worker keeps to.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { NodeState } from '../../worker/node/api.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'
import { askAndWait, chooseBuiltIn, setAnswerLength, textOf } from '../e2e/support/chat.ts'

const PROMPT = 'The captain looked at the sea and'

let server: RunningServer
let first: Browser
let second: Browser
let page: Page
let other: Page

beforeAll(async () => {
  server = await startApp()
  first = await launchBrowser()
  second = await launchBrowser()
  page = await openTab(first, server.url)
  await setAnswerLength(page, 16)
  await page.reload()
  await untilNode(page)
  await chooseBuiltIn(page)
})
afterAll(async () => {
  await first?.close()
  await second?.close()
  await server?.stop()
})

const view = (on: Page, name: string) => on.getByRole('navigation').getByRole('button', { name, exact: true }).click()
const holds = (state: NodeState, id: string) => state.placement?.stages.some(({ nodeId }) => nodeId === id) ?? false
const isReady = ({ placement }: NodeState) => placement?.stages.every(({ status }) => status === 'ready') ?? false

test('an answer is measured, logged, and what it needs is on the GPU and in storage', async () => {
  await askAndWait(page, PROMPT)
  const measured = await page.evaluate(() => centram.readMeasurements(0))
  const sum = (of: (second: (typeof measured.seconds)[number]) => number) =>
    measured.seconds.reduce((total, second) => total + of(second), 0)
  expect(sum(({ tokens }) => tokens)).toBe(16)
  expect(sum(({ gpuMs }) => gpuMs)).toBeGreaterThan(0)
  // Those that a draft brought have no time of their own.
  expect(measured.tokens.length).toBeGreaterThan(0)
  expect(measured.tokens.length).toBeLessThanOrEqual(16)
  for (const { totalMs, stages } of measured.tokens) expect([totalMs > 0, stages.length]).toEqual([true, 1])
  const kinds = (await page.evaluate(() => centram.readLog(0))).map(({ event }) => event.kind)
  for (const kind of ['started', 'gpu-ready', 'model-loading', 'model-ready', 'answered']) expect(kinds).toContain(kind)
  const { limits } = await stateOf(page)
  expect(limits.memory.weights).toBeGreaterThan(1e6)
  expect(limits.memory.caches).toBeGreaterThan(0)
  // What the page sees of the device, as Chromium tells it.
  expect(limits.conditions.idle).toBe(false)
  expect(limits.conditions.onMains).not.toBeNull()
  const { items } = await page.evaluate(() => centram.readStored())
  expect(items).toContainEqual(expect.objectContaining({ kind: 'model', id: 'toy', inUse: true }))
})

test('a node that is paused on its page holds nothing, and holds layers again when it goes on', async () => {
  const alone = await textOf(await askAndWait(page, PROMPT))
  const invite = await page.evaluate(() => centram.share())
  other = await openTab(second, invite)
  const { id } = await stateOf(other)
  await untilState(page, 'a placement over both', (state) => holds(state, id) && isReady(state))
  await view(other, 'Node')
  const limits = other.getByRole('region', { name: 'Limits' })
  await limits.getByRole('button', { name: 'Pause' }).click()
  await untilState(page, 'a placement without it', (state) => !holds(state, id) && isReady(state))
  await untilState(other, 'nothing held', ({ held, limits: { memory } }) => held.length === 0 && memory.weights === 0)
  expect(await textOf(await askAndWait(page, PROMPT))).toBe(alone)
  await view(page, 'Node')
  await page.locator('peer-list').getByText('helps nobody at present').waitFor()
  await view(page, 'Chat')
  await limits.getByRole('button', { name: 'Go on' }).click()
  await untilState(page, 'a placement over both again', (state) => holds(state, id) && isReady(state))
  expect(await textOf(await askAndWait(page, PROMPT))).toBe(alone)
  await other.getByRole('region', { name: 'Log' }).getByText('Helps nobody: it is paused.').waitFor()
})

test('it leaves the room from its page once its layers are handed over', async () => {
  const { id } = await stateOf(other)
  await other.getByRole('region', { name: 'Limits' }).getByRole('button', { name: 'Hand over and leave' }).click()
  await untilState(other, 'no room', ({ room }) => room === null)
  const state = await untilState(page, 'only this tab', ({ peers }) => peers.length === 0)
  expect(holds(state, id)).toBe(false)
  const kinds = (await page.evaluate(() => centram.readLog(0))).map(({ event }) => event.kind)
  expect(kinds).toContain('peer-left')
  expect(kinds).not.toContain('stage-lost')
})

test('a limit of memory below what is loaded takes the model off the GPU, says why, and is kept over a reload', async () => {
  const limits = await stateOf(page).then((state) => state.limits)
  const { memoryBytes, gpuShare, onlyWhenIdle, onlyOnMains, paused } = limits
  expect(memoryBytes).toBeNull()
  const low = { memoryBytes: 1e6, gpuShare, onlyWhenIdle, onlyOnMains, paused }
  await page.evaluate((wanted) => centram.setLimits(wanted), low)
  const state = await untilState(page, 'an empty GPU', ({ limits: { memory } }) => memory.weights + memory.caches === 0)
  const toy = state.models.find(({ id }) => id === 'toy')
  expect(toy?.status).toBe('failed')
  expect(toy?.error?.code).toBe('NO_CAPACITY')
  await page.reload()
  await untilNode(page)
  const again = await untilState(page, 'a GPU', ({ gpu }) => gpu.kind === 'ready')
  expect(again.limits.memoryBytes).toBe(1e6)
  expect(again.gpu).toMatchObject({ budgetBytes: 1e6 })
  await view(page, 'Node')
  await page.getByRole('region', { name: 'Limits' }).getByLabel('GPU memory').selectOption('null')
  const freed = await untilState(page, 'the suggested memory', (now) => now.limits.memoryBytes === null)
  expect(freed.gpu).toMatchObject({ budgetBytes: freed.limits.suggestedBytes })
})
