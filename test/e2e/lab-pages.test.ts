// The Lab over a fake node: what a person is told before, while and after something is trained, kept and merged.

import { readFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findOverflow } from './support/overflow.ts'
import { startScenes, type SceneOptions, type Scenes } from './support/scenes.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

async function openLab(scene: string, options?: SceneOptions): Promise<Page> {
  const page = await scenes.open(scene, options)
  await page.getByRole('button', { name: 'Lab', exact: true }).click()
  return page
}

/** Drops files on the page as a whole. */
async function drop(page: Page, ...names: string[]): Promise<void> {
  await page.evaluate((list) => {
    const dataTransfer = new DataTransfer()
    for (const name of list) dataTransfer.items.add(new File(['The sea was calm. '.repeat(500)], name))
    for (const type of ['dragover', 'drop']) {
      document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer, bubbles: true, composed: true, cancelable: true }),
      )
    }
  }, names)
}

const start = (page: Page): Locator => page.getByRole('button', { name: 'Start training' })

test('a text dropped anywhere comes to the Lab, which says what a run would do before it starts', async () => {
  const page = await scenes.open('alone')
  await drop(page, 'sea.txt', 'harbour.md')
  const form = page.locator('training-form')
  await expect.poll(() => form.locator('.answer').innerText()).toContain('2 documents with 16,200 tokens')
  const words = await form.locator('.answer').innerText()
  expect(words).toContain('1,800 tokens held out')
  expect(words).toContain('65,536 parameters')
  expect(words).toContain('263 kB')
  // The fake makes 141 sequences of it, and a step takes 8.
  await expect.poll(() => form.locator('.answer').innerText()).toContain('88 steps go through the text 5 times')

  await form.getByText('Settings').click()
  await form.getByLabel('Steps', { exact: true }).fill('400')
  await form.getByLabel('Name of the genome').fill('Tides')
  await expect.poll(() => form.locator('.answer').innerText()).toContain('23 times: often enough to learn it by heart')
  await start(page).click()
  await page.getByRole('article', { name: 'Run Tides' }).waitFor()
  expect(await start(page).isDisabled()).toBe(true)
  await page.close()
})

test('what is being typed stays while the answer to the last change arrives', async () => {
  const page = await openLab('alone')
  const form = page.locator('training-form')
  await form.getByText('Settings').click()
  await form.getByLabel('Alpha', { exact: true }).fill('32')
  await drop(page, 'sea.txt', 'harbour.md')
  await expect.poll(() => form.locator('.answer').innerText()).toContain('88 steps')
  expect(await form.getByLabel('Steps', { exact: true }).inputValue()).toBe('88')
  expect(await form.getByLabel('Alpha', { exact: true }).inputValue()).toBe('32')
  await page.close()
})

test('what is wrong stands where it belongs: at the file with its line, at the setting, at the targets', async () => {
  const page = await openLab('alone')
  const form = page.locator('training-form')
  await drop(page, 'sea.txt', 'talks.jsonl')
  const row = form.locator('li').filter({ hasText: 'talks.jsonl' })
  expect(await row.getByRole('alert').innerText()).toContain('talks.jsonl, line 3')
  expect(await start(page).isDisabled()).toBe(true)
  await row.getByRole('button').click()
  await expect.poll(() => start(page).isEnabled()).toBe(true)

  await form.getByText('Settings').click()
  const length = form.getByLabel('Sequence length')
  await length.fill('500')
  await length.press('Tab')
  expect(await length.getAttribute('aria-invalid')).toBe('true')
  expect(await form.locator('training-settings .problem').innerText()).toContain('context of 128')
  expect(await start(page).isDisabled()).toBe(true)

  // Another model has other linears and a longer context.
  await form.getByLabel('Model').selectOption('smollm2-135m')
  await form.getByRole('checkbox', { name: 'queries attn_q' }).waitFor()
  expect(await form.locator('training-settings').getByRole('checkbox').count()).toBe(8)
  for (const box of await form.locator('.targets').getByRole('checkbox').all()) await box.uncheck()
  expect(await form.getByRole('alert').innerText()).toContain('no linear was chosen')
  await page.close()
})

test('private training says what ε means and how far the budget reaches', async () => {
  const page = await openLab('alone')
  const form = page.locator('training-form')
  await drop(page, 'letters.txt')
  await form.getByText('Private', { exact: true }).click()
  await form.getByLabel('Train privately').check()
  await form.getByLabel('Budget ε').fill('2')
  await form.getByLabel('Budget ε').press('Tab')
  expect(await form.getByText(/^ε 2 bounds/).innerText()).toContain('by a factor of 7.389 at most')
  await expect.poll(() => form.locator('.answer').innerText()).toContain('allows 32 steps: training stops there, of 44')
  await page.close()
})

test('a run can be paused, resumed, cancelled after one question, and ended with what it learned', async () => {
  const page = await openLab('lab')
  const run = page.getByRole('article', { name: 'Run Ship’s diary, second volume' })
  expect(await run.locator('progress-bar p').innerText()).toMatch(/Step 64 of 200 32 %\s+9 min left/)
  expect(await run.innerText()).toMatch(/486 tokens\/s/)
  const chart = await run.getByRole('img').getAttribute('aria-label')
  expect(chart).toMatch(
    /^Loss from 3\.\d+ to 2\.\d+ nats a token over 64 of 200 steps; held-out loss from 3\.34 to 2\.57\.$/,
  )

  await run.getByRole('button', { name: /^Pause/ }).click()
  await run.getByRole('button', { name: /^Resume/ }).click()
  await run.getByRole('button', { name: /^Cancel/ }).click()
  const question = run.getByRole('group', { name: 'Throw away what it learned?' })
  // The harmless answer has the focus.
  await page.keyboard.press('Enter')
  await question.waitFor({ state: 'detached' })
  await run.getByRole('button', { name: /^End and keep/ }).click()
  await run.getByText('its genome is kept').waitFor()
  await page.locator('genome-list').getByRole('heading', { name: 'Ship’s diary, second volume' }).waitFor()
  expect(await page.locator('lab-app p.visually-hidden').innerText()).toContain('has ended')
  await run.getByRole('button', { name: /^Take off/ }).click()
  await run.waitFor({ state: 'detached' })

  await page.close()
})

test('a failed run says why, and a private one what it has spent', async () => {
  const page = await openLab('runs')
  const failed = page.locator('[data-run=r4]')
  expect(await failed.getByRole('alert').innerText()).toContain('choose shorter sequences')
  await failed.getByRole('button', { name: /^Try again/ }).click()
  await page.locator('[data-run=r4][data-status=running]').waitFor()
  expect(await page.locator('[data-run=r2]').innerText()).toMatch(/ε of 8, δ 1 × 10⁻⁵\s*1\.37/)
  await page
    .locator('[data-run=r3]')
    .getByRole('button', { name: /^Cancel/ })
    .click()
  await page.getByRole('button', { name: 'Throw away' }).click()
  await page.locator('[data-run=r3]').waitFor({ state: 'detached' })
  await page.close()
})

test('genomes are switched on with weights, and switched off in the chat', async () => {
  const page = await openLab('lab')
  await page.getByRole('switch', { name: 'Answer with Letters' }).check()
  const weight = page.getByLabel('How much Letters counts')
  await weight.fill('0.25')
  await weight.press('Tab')
  await page.getByRole('switch', { name: 'Answer with Grandmother’s recipes' }).uncheck()
  await page.locator('genome-card').getByRole('button', { name: 'Chat with Only the attention', exact: true }).click()
  const chips = page.locator('adapter-chips li')
  await expect
    .poll(async () => (await chips.allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim()))
    .toEqual(['+ Sea poems', '+ Letters × 0.25', '+ Only the attention'])
  await page.getByRole('button', { name: 'Switch Sea poems off' }).click()
  await expect.poll(() => chips.count()).toBe(2)
  await page.getByRole('button', { name: 'Lab', exact: true }).click()
  expect(await page.getByRole('switch', { name: 'Answer with Sea poems', exact: true }).isChecked()).toBe(false)
  // Its model is not in use: what it answers with is not known.
  expect(await page.getByRole('switch', { name: 'Answer with Ship’s diary' }).count()).toBe(0)
  await page.close()
})

test('a genome tells its history, leaves as a zip, comes in by a drop, and goes after one question', async () => {
  const page = await openLab('lab')
  const card = page.locator('genome-card article').filter({ hasText: 'ε 3.82 at δ' })
  expect(await card.innerText()).toContain('held-out loss 2.131 → 1.644')
  expect(await card.innerText()).toContain('all rights reserved')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    card.getByRole('button', { name: /^Export/ }).click(),
  ])
  expect(download.suggestedFilename()).toBe('Grandmother’s recipes.zip')
  expect(await readFile(await download.path(), 'utf8')).toBe('PK of a fake')

  const merged = page.locator('genome-card').filter({ hasText: 'merged by lora_svd' })
  await merged.getByRole('button', { name: /^More about/ }).click()
  expect(await merged.getByRole('img').getAttribute('aria-label')).toBe(
    'Sea poems (trained, rank 8), Grandmother’s recipes (trained, rank 8) through Averaged adapters, cut back to a rank ' +
      'into Sea poems + Grandmother’s recipes (rank 8)',
  )

  const taking = page.locator('adapter-import')
  await drop(page, 'adapter_config.json')
  await taking.getByRole('button', { name: 'Import', exact: true }).click()
  expect(await taking.getByRole('alert').innerText()).toContain('belong together')
  await drop(page, 'adapter_model.safetensors')
  await taking.getByRole('button', { name: 'Import', exact: true }).click()
  const fresh = page
    .locator('genome-card')
    .filter({ hasText: 'imported for' })
    .filter({ hasText: 'adapter_config.json' })
  await fresh.getByRole('button', { name: /^Remove/ }).click()
  await fresh.getByRole('button', { name: 'Remove', exact: true }).click()
  await fresh.waitFor({ state: 'detached' })
  await page.close()
})

test('what cannot be merged is greyed with its reason, and the picture follows the settings', async () => {
  const page = await openLab('lab')
  const form = page.locator('merge-form')
  const box = (name: RegExp) => form.getByRole('checkbox', { name })
  await box(/^Sea poems trained/).check()
  expect(await box(/^Ship’s diary of another base model: SmolLM2 135M Instruct/).isDisabled()).toBe(true)
  expect(await box(/^Only the attention changes other linears than Sea poems/).isDisabled()).toBe(true)
  await box(/^Letters/).check()
  await form.getByLabel('weight of Letters').fill('0.25')
  await form.getByLabel('weight of Letters').press('Tab')
  const picture = form.getByRole('img')
  await expect
    .poll(() => picture.getAttribute('aria-label'))
    .toBe(
      'Sea poems (weight 1, rank 8), Letters (weight 0.25, rank 4) through Averaged adapters, cut back to a rank into Sea ' +
        'poems + Letters (rank 8)',
    )
  const breadths = await picture
    .locator('path')
    .evaluateAll((paths) => paths.map((path) => Number(path.getAttribute('stroke-width'))))
  expect(breadths[0]).toBeGreaterThan(breadths[1] ?? 0)

  await form.getByLabel('Operator').selectOption('lora_linear')
  expect(await form.locator('.note').innerText()).toContain('is not the average of the adapters')
  await expect.poll(() => form.getByRole('alert').innerText()).toContain('needs parents of one rank')

  await form.getByLabel('Operator').selectOption('slerp')
  await form.getByText('Give t:').waitFor()
  await form.getByRole('button', { name: 'Swap the ends' }).click()
  await form.getByLabel('t', { exact: true }).fill('0.25')
  await form.getByLabel('Name', { exact: true }).fill('Between')
  await expect
    .poll(() => picture.getAttribute('aria-label'))
    .toBe('Letters (one end, rank 4), Sea poems (the other end, rank 8) through SLERP into Between (rank 12)')
  expect(await form.locator('dl').innerText()).toContain('5e0c 5e0c 5e0c 5e0c')
  await form.getByRole('button', { name: 'Merge', exact: true }).click()
  await page
    .locator('genome-card')
    .filter({ hasText: 'merged by slerp' })
    .getByRole('heading', { name: 'Between' })
    .waitFor()
  await page.close()
})

test('an arrival shows its ten rows and what others say, and is used once a person says so', async () => {
  const page = await openLab('lab')
  const card = page
    .locator('[data-arrival]')
    .filter({ has: page.getByRole('heading', { name: 'Shanties', exact: true }) })
  expect(await card.locator('[role=status]').innerText()).toBe('7 layers passed it, 3 could not be run here.')
  await card.getByRole('button', { name: 'Verdict on Shanties' }).click()
  expect(await card.locator('ol li').count()).toBe(10)
  expect(await card.locator('ol li').nth(8).innerText()).toMatch(/Behaviour\s+not run/)
  await card.getByText('Cleo’s phone').waitFor()
  await card.getByRole('button', { name: 'Use Shanties' }).click()
  await card.getByText('in use, allowed by you').waitFor()
  await page.locator('gate-rules summary').click()
  await page.getByLabel('A genome that no layer refused').selectOption('unrefused')
  await page.getByText('Layers that could not be run here do not count against it.').waitFor()
  const copy = page.locator('[data-arrival]').filter({ hasText: 'Verses of the open sea' })
  expect(await copy.locator('[role=status]').innerText()).toContain('Refused by Lineage')
  await page.close()
})

test('the Lab fits a 360-pixel phone with everything open', async () => {
  for (const scene of ['alone', 'lab', 'runs', 'merging']) {
    const page = await openLab(scene, { width: 360, height: 740 })
    await drop(page, 'a-text-with-a-rather-long-name-that-has-to-break-somewhere.txt')
    await page.locator('training-form').getByText('Settings').click()
    await page.getByText('Private', { exact: true }).click()
    await page.getByLabel('Train privately').check()
    for (const more of await page.getByRole('button', { name: /^More about/ }).all()) await more.click()
    // The last first: a button that asks is no longer one of them.
    for (const cancel of (await page.getByRole('button', { name: /^Cancel / }).all()).reverse()) await cancel.click()
    await page.locator('adapter-import summary').click()
    for (const verdict of await page.getByRole('button', { name: /^Verdict on/ }).all()) await verdict.click()
    await page.locator('gate-rules summary').click()
    if (scene !== 'alone' && scene !== 'runs') {
      for (const name of [/^Sea poems trained/, /^Grandmother/])
        await page.locator('merge-form').getByRole('checkbox', { name }).check()
      await page.getByLabel('Operator').selectOption('della')
    }
    expect(await findOverflow(page), scene).toEqual([])
    await page.close()
  }
})
