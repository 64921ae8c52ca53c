// An experiment in a real tab, as somebody gets it by a link: nothing runs until a press; it outlives a reload between rounds; its
// figures are of the built-in model on text that was held out.

import type { Browser } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseExperiment } from '#core/experiments/experiment.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { encodeSharedRun } from '#core/experiments/share-link.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

/** A tab on the processor of a busy machine takes seconds for what a GPU does in milliseconds. */
const SLOWEST_MS = 240_000
const published = PUBLISHED[2]?.experiment
const SMALL = parseExperiment({
  ...published,
  nodes: published?.nodes.slice(0, 2),
  trainer: { ...published?.trainer, steps: 1, batch: 2 },
  rounds: 2,
  seeds: [1],
  heldOut: 4,
  arms: published?.arms.map((arm) =>
    arm.exchange.kind === 'mix'
      ? { ...arm, exchange: { ...arm.exchange, gate: { ...arm.exchange.gate, probes: 2 } } }
      : arm,
  ),
})

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

test(
  'a linked experiment runs in a tab over a reload, and says what it measured',
  { timeout: SLOWEST_MS },
  async () => {
    const link = new URL(server.url)
    link.searchParams.set('experiment', encodeSharedRun({ experiment: SMALL, cells: [] }))
    const page = await openTab(browser, link.href)
    const list = page.locator('experiment-list')
    await list.getByText('These settings come from a link').waitFor()
    expect((await stateOf(page)).experiments).toEqual([])
    await list.getByRole('button', { name: 'Run experiment' }).click()
    await untilState(page, 'a cell', ({ experiments }) => (experiments[0]?.cells.length ?? 0) >= 1)
    await page.reload()
    await untilNode(page)
    const card = list.locator('[data-experiment]')
    await card.and(page.locator('[data-status=paused]')).waitFor()
    const [kept] = (await stateOf(page)).experiments
    expect(kept?.cells.map(({ arm }) => arm)).toEqual(['own only'])
    await card.getByRole('button', { name: /^Resume/ }).click()
    await card.and(page.locator('[data-status=finished]')).waitFor({ timeout: 120_000 })
    const [run] = (await stateOf(page)).experiments
    expect(run?.cells[0]).toEqual(kept?.cells[0])
    expect(run?.cells[1]).toMatchObject({ arm: 'exchange', seed: 1, offers: 4, base: kept?.cells[0]?.base })
    for (const cell of run?.cells ?? []) {
      expect(Object.keys(cell.base)).toEqual(['speeches-1865', 'speeches-1913'])
      // Measured on all held-out speeches the model loses 1.52 nats a byte; these are a few windows.
      for (const loss of Object.values(cell.base)) expect(Math.abs(loss - 1.55)).toBeLessThan(0.4)
      for (const node of cell.nodes) {
        for (const [domain, loss] of Object.entries(node.losses)) {
          const before = cell.base[domain as keyof typeof cell.base] ?? 0
          // It learned something, and two steps of two windows change little.
          expect(loss).not.toBe(before)
          expect(Math.abs(loss - before)).toBeLessThan(0.1)
        }
      }
    }
    expect(await card.getByRole('row').count()).toBe(1 + 3 + 4)
  },
)
