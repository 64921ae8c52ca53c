// The Lab as people get it: a dropped text becomes an adapter, over a reload in the middle; it answers in the chat, leaves as a
// zip, and is merged with another.

import { readFile } from 'node:fs/promises'
import type { Browser, Locator, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readZip } from '../../worker/core/genome/zip.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'
import { askAndWait, setAnswerLength, textOf } from '../e2e/support/chat.ts'

const TEXT = 'The tide comes in and the tide goes out, and the harbour master writes it down. '.repeat(16)
const STEPS = 16
/** Three pages start, each with a GPU and shaders of its own: a matter of seconds, but not on a machine that is busy. */
const SLOWEST_MS = 240_000

let server: RunningServer
let browser: Browser
beforeAll(async () => {
  server = await startApp()
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

async function dropText(page: Page): Promise<void> {
  await page.evaluate((text) => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([text], 'tides.txt'))
    for (const type of ['dragover', 'drop']) {
      document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer, bubbles: true, composed: true, cancelable: true }),
      )
    }
  }, TEXT)
}

async function fill(form: Locator, values: Readonly<Record<string, number>>): Promise<void> {
  for (const [label, value] of Object.entries(values)) {
    await form.getByLabel(label, { exact: true }).fill(String(value))
  }
}

test(
  'a text is trained on over a reload, answers, leaves, comes back and is merged',
  { timeout: SLOWEST_MS },
  async () => {
    const page = await openTab(browser, server.url)
    await setAnswerLength(page, 8)
    await page.reload()
    await untilNode(page)
    await dropText(page)

    const form = page.locator('training-form')
    await form.getByText('Settings').click()
    await fill(form, { Rank: 2, Steps: STEPS, Batch: 2, 'Sequence length': 24 })
    await form.getByLabel('Name of the genome').fill('Tides')
    await expect.poll(() => form.locator('.answer').innerText(), { timeout: 20_000 }).toContain('16,384 parameters')
    await form.getByRole('button', { name: 'Start training' }).click()

    const run = page.getByRole('article', { name: 'Run Tides' })
    const chart = run.getByRole('img', { name: /^Loss from/ })
    await chart.waitFor({ timeout: 60_000 })
    await untilState(page, 'a few steps', ({ runs }) => (runs[0]?.step ?? 0) >= 3)
    await page.reload()
    await untilNode(page)

    // What was running is found paused, and goes on.
    await run.and(page.locator('[data-status=paused]')).waitFor()
    await run.getByRole('button', { name: 'Resume Tides' }).click()
    await run.getByText('its genome is kept').waitFor({ timeout: 60_000 })
    const [finished] = (await stateOf(page)).runs
    expect(finished).toMatchObject({ status: 'finished', step: STEPS, steps: STEPS })
    const held = finished?.heldOutLosses ?? []
    expect(held.at(-1)?.loss).toBeLessThan(held[0]?.loss ?? 0)
    expect(await chart.getAttribute('aria-label')).toContain(`over ${STEPS} of ${STEPS} steps`)

    await run.getByRole('button', { name: 'Chat with Tides' }).click()
    const answer = await askAndWait(page, 'The tide ')
    expect((await textOf(answer)).length).toBeGreaterThan(3)
    await page.locator('adapter-chips').getByText('Tides').waitFor()
    const { genomes, adapters } = await stateOf(page)
    expect(adapters).toEqual([{ genomeId: genomes[0]?.id, weight: 1 }])

    await page.getByRole('button', { name: 'Lab', exact: true }).click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export Tides' }).click(),
    ])
    expect(download.suggestedFilename()).toBe('Tides.zip')
    const zip = await readZip('Tides.zip', new Uint8Array(await readFile(await download.path())), 1 << 20, () =>
      Promise.reject(new Error('It is stored, not deflated.')),
    )
    expect(zip.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors']),
    )

    await page.reload()
    await untilNode(page)
    await run.getByText('its genome is kept').waitFor()
    await page.getByRole('button', { name: /^Load .* to switch it on$/ }).click()
    const on = page.getByRole('switch', { name: 'Answer with Tides' })
    await expect.poll(() => on.isChecked(), { timeout: 30_000 }).toBe(true)
    await on.uncheck()
    await untilState(page, 'no adapters', (state) => state.adapters.length === 0)

    // Without its manifest it is an adapter like one of any other program.
    await page.locator('adapter-import summary').click()
    await page
      .locator('adapter-import input[type=file]')
      .setInputFiles(
        zip
          .filter(({ name }) => name.startsWith('adapter_'))
          .map(({ name, bytes }) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) })),
      )
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await untilState(page, 'the imported genome', (state) => state.genomes.length === 2)

    const merging = page.locator('merge-form')
    for (const box of await merging.getByRole('checkbox').all()) await box.check()
    await merging.getByLabel('Operator').selectOption('lora_stack')
    await merging.getByLabel('Name', { exact: true }).fill('Twice the tide')
    await expect.poll(() => merging.getByRole('img').getAttribute('aria-label')).toContain('Twice the tide (rank 4)')
    await merging.getByRole('button', { name: 'Merge', exact: true }).click()
    await page.getByRole('button', { name: 'More about Twice the tide' }).click()
    const lineage = await page.locator('genome-card merge-flow figure').getAttribute('aria-label')
    expect(lineage).toMatch(
      /Tides \(trained, rank 2\).* through Stacked adapters \(exact\) into Twice the tide \(rank 4\)/,
    )
    await page.close()
  },
)
