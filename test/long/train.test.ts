// A real model trained in a real tab: SmolLM2-135M learns a rhyme, its held-out loss falls, the adapter changes what it says
// and is switched off again without a trace.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

const MODEL = 'smollm2-135m'
const TEXT = 'Every morning the ferry to Skaro leaves at seven, and the heron on the mast is called Admiral. '.repeat(
  24,
)
const MINUTES = 60_000

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

/** Logits of every step of a short greedy answer, as digests. */
function answer(page: Page): Promise<{ readonly text: string; readonly logitsDigests: readonly string[] }> {
  return page.evaluate(
    (modelId) =>
      centram.generate(
        {
          requestId: String(Math.random()),
          modelId,
          prompt: { text: 'Every morning the ferry' },
          maxTokens: 4,
          sampling: { temperature: 0 },
          logits: 'digest',
        },
        () => {},
      ),
    MODEL,
  )
}

test('SmolLM2-135M learns a text in the tab, and the adapter is kept over a reload', async () => {
  const page = await openTab(browser, server.url)
  await page.evaluate(
    async ([modelId, text]) => {
      await centram.addModel({ kind: 'catalogue', id: modelId })
      await centram.loadModel(modelId, { placement: 'solo' })
      await centram.startTraining({
        modelId,
        name: 'Ferry',
        files: [new Blob([text])],
        names: ['ferry.txt'],
        lora: {
          targets: ['attn_q', 'attn_v'],
          rank: 4,
          alpha: 8,
          rankStabilised: false,
          dropout: 0,
          freezeA: false,
        },
        steps: 4,
        batchSize: 1,
        sequenceLength: 32,
        learningRate: 5e-3,
        heldOutFraction: 0.1,
        seed: 1,
        licence: 'CC0-1.0',
      })
    },
    [MODEL, TEXT] as const,
  )
  const ended = await untilState(
    page,
    'the end of the run',
    ({ runs }) => runs[0]?.status === 'finished' || runs[0]?.status === 'failed',
    12 * MINUTES,
  )
  expect(ended.runs[0]).toMatchObject({ status: 'finished', step: 4, error: null })
  const held = ended.runs[0]?.heldOutLosses ?? []
  expect(held.at(-1)?.loss).toBeLessThan((held[0]?.loss ?? 0) * 0.9)
  const genomeId = ended.runs[0]?.genomeId ?? ''
  expect(ended.genomes.map(({ id }) => id)).toEqual([genomeId])

  const before = await answer(page)
  const use = (ids: readonly string[]) =>
    page.evaluate(
      ([modelId, genomes]) =>
        centram.setAdapters(
          modelId,
          genomes.map((id) => ({ genomeId: id, weight: 1 })),
        ),
      [MODEL, ids] as const,
    )
  await use([genomeId])
  const adapted = await answer(page)
  expect(adapted.logitsDigests).not.toEqual(before.logitsDigests)
  await use([])
  expect((await answer(page)).logitsDigests).toEqual(before.logitsDigests)

  await use([genomeId])
  await page.reload()
  await untilNode(page)
  const found = await stateOf(page)
  expect(found.runs).toHaveLength(1)
  expect(found.genomes.map(({ id }) => id)).toEqual([genomeId])
  await page.evaluate((modelId) => centram.loadModel(modelId, { placement: 'solo' }), MODEL)
  expect((await answer(page)).logitsDigests).toEqual(adapted.logitsDigests)
  await page.close()
})
