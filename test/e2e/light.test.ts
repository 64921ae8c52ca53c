// A tab without a usable GPU: it says why and what to do about it, and chats through another node all the same.

import { networkInterfaces } from 'node:os'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from './support/app.ts'
import { askAndWait, setAnswerLength, textOf } from './support/chat.ts'

let server: RunningServer
let strong: Browser
let weak: Browser

beforeAll(async () => {
  server = await startApp(undefined, '0.0.0.0')
  strong = await launchBrowser()
  weak = await launchBrowser({ gpu: false })
})
afterAll(async () => {
  await strong?.close()
  await weak?.close()
  await server?.stop()
})

test('a browser without WebGPU joins as a light node and chats through another', async () => {
  const host = await openTab(strong, server.url)
  await host.evaluate(() => centram.loadModel('toy'))
  const invite = await host.evaluate(() => centram.share())
  const name = (await stateOf(host)).name

  const page = await openTab(weak, server.url)
  await setAnswerLength(page, 24)
  await page.goto(invite)
  await page.reload()
  const note = page.locator('first-visit').getByRole('note')
  await note.waitFor()
  const state = await untilState(page, 'to know that there is no GPU', ({ gpu }) => gpu.kind === 'none')
  if (state.gpu.kind !== 'none') throw new Error('unreachable')
  expect(await note.innerText()).toContain(state.gpu.remedy)
  await page.getByRole('button', { name: new RegExp(`^Chat with .* through ${name}$`) }).click()
  const answer = await askAndWait(page, 'The captain looked at the sea and ')
  expect((await textOf(answer)).length).toBeGreaterThan(5)
  expect(await answer.innerText()).toMatch(/24 tokens/)
  expect(await answer.innerText()).toContain(`all layers through ${name}`)

  // It holds no layers, and its host counts it as light.
  const seen = await stateOf(host)
  expect(seen.peers).toMatchObject([{ id: state.id, light: true }])
  expect(seen.placement?.stages.map((stage) => stage.nodeId)).toEqual([seen.id])
  await host.close()
  await page.close()
})

test('an address that is not secure is explained, with the remedy, and the tab still joins', async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address && !address.internal && address.family === 'IPv4')
  // Without a network of its own the machine reaches itself under a made-up name, which is no more secure.
  const host = outside?.address ?? 'centram.test'
  const browser = outside ? strong : await launchBrowser({ resolve: `MAP ${host} 127.0.0.1` })
  const page = await openTab(browser, `http://${host}:${server.port}/`)
  const note = page.locator('first-visit').getByRole('note')
  await note.waitFor()
  expect(await note.innerText()).toContain('neither HTTPS nor localhost')
  expect(await note.innerText()).toContain('serve')
  const state = await untilState(page, 'the server', (now) => now.server.state === 'open')
  expect(state.gpu).toMatchObject({ kind: 'none', reason: 'insecure-context' })
  const id = state.id
  await page.reload()
  await untilNode(page)
  expect((await untilState(page, 'the node again', (now) => now.server.state === 'open')).id).toBe(id)
  await page.close()
  if (browser !== strong) await browser.close()
})
