// The door on the Node page: opened and closed by a press, its keys made, shown once and taken back.

import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startScenes, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(() => scenes?.close())

async function openDoor(scene: string): Promise<Page> {
  const page = await scenes.open(scene, { width: 360, height: 740 })
  await page
    .getByRole('link', { name: 'Node' })
    .or(page.getByRole('button', { name: 'Node' }))
    .first()
    .click()
  await page.locator('door-card').scrollIntoViewIfNeeded()
  return page
}

test('is closed until it is opened, and a key is shown once', async () => {
  const page = await openDoor('shared')
  const card = page.locator('door-card')
  expect(await card.getByRole('status').textContent()).toContain('Closed')
  expect(await card.getByRole('button', { name: 'Make a key' }).count()).toBe(0)
  await card.getByRole('button', { name: 'Open the door' }).click()
  await card.locator('[data-door=open]').waitFor()
  expect(await card.locator('.address').textContent()).toContain('http://localhost:9740/v1')
  await card.getByLabel('For which program').fill('My editor')
  await card.getByRole('button', { name: 'Make a key' }).click()
  expect(await card.locator('[data-door-key]').textContent()).toMatch(/^ck-[0-9a-f]{48}$/)
  await card.getByRole('button', { name: 'I have it' }).click()
  expect(await card.locator('[data-door-key]').count()).toBe(0)
  expect(await card.locator('.key').textContent()).toContain('My editor')
  await card.getByRole('button', { name: 'Close the door' }).click()
  await card.locator('[data-door=closed]').waitFor()
  await page.close()
})

test('in use, it says by whom and how much, and a key is taken back after a question', async () => {
  const page = await openDoor('door')
  const card = page.locator('door-card')
  const text = await card.locator('.stack').first().innerText()
  for (const part of ['smollm2-360m:tides-and-whales', '48,210 of 200,000 tokens today', '83 requests']) {
    expect(text.replace(/\s+/g, ' ')).toContain(part)
  }
  await card.getByRole('button', { name: 'Remove Notes' }).click()
  await card.getByRole('button', { name: 'Yes' }).click()
  expect(await card.locator('.key').count()).toBe(1)
  await page.close()
})
