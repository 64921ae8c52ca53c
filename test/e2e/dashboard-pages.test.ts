// The Node page over a fake node: the map, memory, limits, charts, what is stored, and the log.

import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBarriers } from './support/axe.ts'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type SceneOptions, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })

async function openNode(scene: string, options: SceneOptions = {}): Promise<Page> {
  const page = await scenes.open(scene, options)
  await page.getByRole('button', { name: /^(Node|Knoten)$/ }).click()
  await page.locator('node-app stored-panel table').waitFor({ state: 'attached' })
  return page
}

test('the map shows who is there, how far, over which path, with which layers; memory says what is held', async () => {
  const page = await openNode('shared')
  const map = page.locator('swarm-map')
  expect(await map.getByRole('img').getAttribute('aria-label')).toBe(
    'Map of the swarm. Anna’s laptop: 3.4 ms, layers 15–22; Ben’s desktop: 11 ms, relayed, layers 23–32',
  )
  const place = (peer: string) =>
    map.locator(`[data-link^="${peer}"]`).evaluate((line: SVGLineElement) => ({
      distance: Math.hypot(line.x2.baseVal.value, line.y2.baseVal.value),
      dashes: getComputedStyle(line).strokeDasharray,
    }))
  const [anna, ben] = [await place('a452'), await place('58c7')]
  expect(anna.distance).toBeLessThan(ben.distance)
  expect(anna.dashes).toBe('none')
  expect(ben.dashes).not.toBe('none')
  const memory = region(page, 'GPU memory and layers')
  expect(await memory.getByRole('meter').getAttribute('aria-valuetext')).toBe('324 MB of 6.4 GB in use')
  expect(await memory.getByRole('listitem').allInnerTexts()).toEqual([
    'SmolLM2 360M Instruct: layers 1–14, for your own chat',
  ])
  await page.close()
})

test('a node that left is red on the map, and one that rests or lends says so', async () => {
  const page = await openNode('leaving')
  expect(await page.locator('swarm-map').getByRole('img').getAttribute('aria-label')).toContain('not answering')
  const colours = await page
    .locator('swarm-map .link.interrupted')
    .first()
    .evaluate((line) => {
      const probe = document.createElement('i')
      probe.style.color = 'var(--loss)'
      document.body.append(probe)
      return [getComputedStyle(line).stroke, getComputedStyle(probe).color]
    })
  expect(colours[0]).toBe(colours[1])
  await page.close()
  const guest = await openNode('guest')
  expect(await region(guest, 'GPU memory and layers').getByRole('listitem').allInnerTexts()).toEqual([
    'SmolLM2 360M Instruct: layers 19–32, for Anna’s laptop',
  ])
  await guest.close()
})

test('charts draw what was measured, and tell it in words and as tables', async () => {
  const page = await openNode('shared')
  const measured = region(page, 'Measured')
  const charts = measured.locator('line-chart')
  await expect.poll(() => charts.count()).toBe(4)
  expect(await charts.evaluateAll((all) => all.map((chart) => chart.getAttribute('name')))).toEqual([
    'Tokens a second',
    'GPU at work',
    'Where a token’s time goes',
    'Round trip of each link',
  ])
  const labels = await measured.getByRole('img').evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))
  expect(labels[0]).toMatch(/your answers: 0 at last, 26 at most; answers to others: \d+ at last, 12 at most/)
  expect(labels[2]).toMatch(/this tab: .*; Anna’s laptop: .*; Ben’s desktop: .*; on the wire: /)
  expect(labels[3]).toMatch(/Anna’s laptop: .* ms at last/)
  // Ink of the line's own colour on each canvas.
  const inked = await charts.locator('canvas').evaluateAll((all) =>
    all.map((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement
      const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
      let coloured = 0
      for (let at = 0; at < data.length; at += 4) {
        const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(at, at + 4)
        if (alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) coloured++
      }
      return coloured
    }),
  )
  expect(inked).toHaveLength(4)
  for (const pixels of inked) expect(pixels).toBeGreaterThan(300)
  await charts.nth(3).getByText('As a table').click()
  await expect.poll(() => charts.nth(3).getByRole('row').count()).toBeGreaterThan(15)
  expect(await charts.nth(3).getByRole('row').first().innerText()).toMatch(/time\s+Ben’s desktop\s+Anna’s laptop/)
  await page.close()
  const empty = await openNode('alone')
  await region(empty, 'Measured').getByText('Charts appear when there is something to measure').waitFor()
  await empty.close()
})

test('limits are set where they are told, and a person pauses, goes on and leaves', async () => {
  const page = await openNode('shared')
  const limits = region(page, 'Limits')
  const now = limits.getByRole('status')
  expect(await now.innerText()).toBe('This node helps others.')
  await limits.getByLabel('GPU memory').selectOption({ label: 'at most 2.0 GB' })
  await limits.getByLabel('GPU time').selectOption({ label: 'at most 50 %' })
  await limits.getByLabel('Help others only while nobody uses this device').check()
  await limits.getByLabel('Help others only on mains power').check()
  const read = () =>
    page.locator('limits-panel').evaluate((panel) => (panel as unknown as { state: { limits: unknown } }).state.limits)
  expect(await read()).toMatchObject({
    memoryBytes: 2e9,
    gpuShare: 0.5,
    onlyWhenIdle: true,
    onlyOnMains: true,
    paused: false,
  })
  await limits.getByRole('button', { name: 'Pause' }).click()
  expect(await now.innerText()).toContain('Paused: this node computes nothing for others')
  await limits.getByRole('button', { name: 'Go on' }).click()
  expect(await now.innerText()).toBe('This node helps others.')
  await limits.getByRole('button', { name: 'Hand over and leave' }).click()
  await limits.getByText('You are in no room.').waitFor()
  await page.close()
  const limited = await openNode('limited')
  expect(await region(limited, 'Limits').getByRole('status').innerText()).toContain(
    'On battery, so this node helps nobody',
  )
  await limited.close()
})

test('the log is filtered by words, subject and level, and saved as it is shown', async () => {
  const page = await openNode('shared')
  const log = region(page, 'Log')
  const lines = log.getByRole('listitem')
  await expect.poll(() => lines.count()).toBe(14)
  expect(await lines.first().innerText()).toContain('Anna’s laptop was answered: 96 tokens, 21.7 tokens/s.')
  await log.getByLabel('Filter by words').fill('anna laptop')
  await expect.poll(() => lines.count()).toBe(5)
  await log.getByLabel('Show', { exact: true }).selectOption({ label: 'warnings and errors' })
  await expect.poll(() => lines.count()).toBe(2)
  await log.getByLabel('About', { exact: true }).selectOption({ label: 'answers' })
  await expect.poll(() => lines.allInnerTexts()).toEqual([expect.stringContaining('error: An answer to you failed')])
  expect(await log.getByRole('status').innerText()).toBe('1 of 14 lines')
  const download = page.waitForEvent('download')
  await log.getByRole('button', { name: 'Save the 1 line shown as a file' }).click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^centram-log-\d{4}-\d\d-\d\d\.txt$/)
  expect(await readFile(await file.path(), 'utf8')).toBe(
    '2026-11-23T14:04:30.000Z error   An answer to you failed: Anna’s laptop left.\n',
  )
  await log.getByLabel('Filter by words').fill('nothing like it')
  await log.getByText('No line fits.').waitFor()
  await page.close()
})

test('what is stored is told with its size, and goes when a person says so twice', async () => {
  const page = await openNode('shared')
  const stored = region(page, 'Stored here')
  await stored.getByText('This site uses 874 MB of the 61 GB that the browser allows it.').waitFor()
  await stored.getByRole('row', { name: /SmolLM2 360M Instruct model, in use 386 MB Unload it first/ }).waitFor()
  const leftover = stored.getByRole('row', { name: /old-model\.gguf no model uses it 52 MB/ })
  await leftover.getByRole('button', { name: 'Remove old-model.gguf' }).click()
  await leftover.getByText('Remove old-model.gguf and free 52 MB?').waitFor()
  await leftover.getByRole('button', { name: 'Remove', exact: true }).click()
  await expect.poll(() => leftover.count()).toBe(0)
  await page.close()
})

test('the page fits a phone in German too, without a barrier', async () => {
  const page = await openNode('limited', { width: 360, height: 740, scheme: 'dark', language: 'de' })
  expect(await findOverflow(page)).toEqual([])
  expect(await findBarriers(page)).toEqual([])
  expect(await region(page, 'Grenzen').getByLabel('GPU-Zeit').isVisible()).toBe(true)
  const first = region(page, 'Protokoll').getByRole('listitem').last()
  expect(await first.innerText()).toContain('Kim’s laptop ist gestartet.')
  await page.close()
})
