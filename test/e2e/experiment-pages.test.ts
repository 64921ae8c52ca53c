// Experiments and lineage in the Lab over a fake node: choosing, changing, running, reading, exporting, sharing by link.

import { readFile } from 'node:fs/promises'
import type { Download, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseExperiment } from '#core/experiments/experiment.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { decodeSharedRun, encodeSharedRun } from '#core/experiments/share-link.ts'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type SceneOptions, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

async function openLab(options?: SceneOptions): Promise<Page> {
  const page = await scenes.open('lab', options)
  await page.getByRole('button', { name: /^(Lab|Labor)$/ }).click()
  return page
}

async function textOf(download: Download): Promise<string> {
  return readFile(await download.path(), 'utf8')
}

test('a published experiment is chosen, changed, run, paused, resumed and removed', async () => {
  const page = await openLab()
  const list = page.locator('experiment-list')
  await list.getByLabel('Experiment', { exact: true }).selectOption('pair-novel-countries')
  await list.getByText('beside own training and joint training').waitFor()
  expect(await list.locator('select').first().innerText()).toContain('Two domains: novel and countries')
  await list.getByLabel('Experiment', { exact: true }).selectOption('lora-slerp')
  await list.getByText('Settings', { exact: true }).click()
  await list.getByLabel('Seeds', { exact: true }).fill('0')
  await page.keyboard.press('Tab')
  await list.getByRole('alert').waitFor()
  expect(await list.getByRole('button', { name: 'Run experiment' }).isDisabled()).toBe(true)
  await list.getByLabel('Seeds', { exact: true }).fill('6')
  await list.getByLabel('Rounds', { exact: true }).fill('2')
  await page.keyboard.press('Tab')
  // 6 seeds, 2 arms, 2 rounds, 3 nodes, 8 steps of 8 windows.
  await expect.poll(() => list.locator('form').innerText()).toContain('4,608 windows of text')
  await list.getByLabel('Also train one model on everything').check()
  await expect.poll(() => list.locator('form').innerText()).toContain('3 arms')
  await list.getByRole('button', { name: 'Run experiment' }).click()

  const card = list.locator('[data-experiment="started-1"]')
  await card.waitFor()
  expect(await card.innerText()).toContain('LoRA, SLERP operator')
  expect(await card.innerText()).toContain('Changed from the published variant: Seeds: 6; Rounds: 2')
  await card.getByRole('button', { name: /^Pause/ }).click()
  await card.getByText('paused; it goes on').waitFor()
  await card.getByRole('button', { name: /^Resume/ }).click()
  await card.getByText('running', { exact: true }).waitFor()
  await card.getByRole('button', { name: /^Remove/ }).click()
  await card.getByRole('button', { name: 'Remove', exact: true }).click()
  await card.waitFor({ state: 'detached' })
  await page.close()
})

test('a finished run shows a plot and a table with intervals, and is saved as JSON and CSV and shared by link', async () => {
  const page = await openLab()
  const card = page.locator('[data-experiment="e1"]')
  const rows = card.getByRole('row')
  // A heading; three measures of the arm alone; four of the one that exchanges.
  await expect.poll(() => rows.count()).toBe(1 + 3 + 4)
  const accepted = rows.filter({ hasText: 'accepted' })
  // 3, 4 and 5 of 24 by turns: a mean of 4.2 / 24 over the seeds 1 to 5.
  expect(await accepted.innerText()).toMatch(/exchange\s+accepted\s+17\.5 %\s+\[.* %, .* %\]\s+1\.7 %/)
  const label = await card.getByRole('img').getAttribute('aria-label')
  expect(label).toContain('exchange, generalist Δ: +')

  const [json] = await Promise.all([
    page.waitForEvent('download'),
    card.getByRole('button', { name: /^Save JSON/ }).click(),
  ])
  const saved = JSON.parse(await textOf(json)) as { experiment: unknown; complete: boolean; cells: unknown[] }
  expect(parseExperiment(saved.experiment).name).toBe('lora-registers')
  expect([saved.complete, saved.cells.length]).toEqual([true, 10])
  const [csv] = await Promise.all([
    page.waitForEvent('download'),
    card.getByRole('button', { name: /^Save CSV/ }).click(),
  ])
  expect((await textOf(csv)).trimEnd().split('\r\n')).toHaveLength(1 + 10 * 9)

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await card.getByRole('button', { name: 'Copy link to this run' }).click()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect(decodeSharedRun(new URL(link).searchParams.get('experiment') ?? '').cells).toHaveLength(10)
  expect(link.length).toBeLessThan(8000)
  await page.close()
})

test('a link opens the Lab with its settings and figures, and runs nothing by itself', async () => {
  const mine = { ...parseExperiment(PUBLISHED[1]?.experiment), rounds: 7 }
  const page = await scenes.open(`lab&experiment=${encodeSharedRun({ experiment: mine, cells: [] })}`)
  const list = page.locator('experiment-list')
  await list.getByText('These settings come from a link').waitFor()
  expect(await list.locator('[data-experiment]').count()).toBe(2)
  await expect.poll(() => list.locator('form').innerText()).toContain('7 rounds')
  await page.close()

  const broken = await scenes.open('lab&experiment=broken')
  await broken.locator('experiment-list').getByText('The link to the experiment is damaged').waitFor()
  await broken.close()
})

test('lineage is a graph whose genomes are chosen by keyboard, and lead to their cards', async () => {
  const page = await openLab()
  const graph = page.locator('lineage-graph')
  const merged = graph.locator('button.genome.merged').first()
  await merged.focus()
  await page.keyboard.press('Enter')
  await graph.getByText(/Comes from .+, .+\./).waitFor()
  expect(await graph.locator('.edge.lit').count()).toBeGreaterThanOrEqual(2)
  const name = await merged.locator('span').first().innerText()
  await graph.getByRole('button', { name: 'Show its card' }).click()
  const card = page.locator('genome-list').getByRole('article', { name, exact: true })
  await expect.poll(async () => (await card.boundingBox())?.y ?? -1).toBeGreaterThan(0)
  await page.close()
})

test.each([
  ['wide and light', { width: 1280, scheme: 'light' }],
  ['a phone, dark, in German', { width: 360, height: 740, scheme: 'dark', language: 'de-DE' }],
] as const)('everything fits: %s', async (_, options) => {
  const page = await openLab(options)
  await page.locator('experiment-plot svg.plot').first().waitFor()
  expect(await findOverflow(page)).toEqual([])
  if ('language' in options) await page.getByRole('heading', { name: 'Versuche', exact: true }).waitFor()
  await page.close()
})
