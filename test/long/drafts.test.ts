// Drafts from the text over two browsers with 40 ms of round trip between them (CDP network emulation): the tokens and every step's
// logits are those of plain decoding, with fewer steps, and whoever computed a part of an answer signs its transcript. How much
// sooner an answer comes is the benchmark's to say.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { GenerateRequest, GenerateResult } from '../../worker/node/api.ts'
import { launchBrowser, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

/** At each end, of what it sends and of what it is sent. */
const DELAY_MS = 10
/** What is to be told again in other words is told in the same ones. */
const PROMPT = 'The whale swam by the ship. The whale swam by the ship. The whale'
const TOKENS = 40

let server: RunningServer
const browsers: Browser[] = []
let page: Page
let helper = ''

async function openBehindDelay(url: string): Promise<Page> {
  const browser = await launchBrowser()
  browsers.push(browser)
  const opened = await browser.newPage()
  const session = await opened.context().newCDPSession(opened)
  await session.send('Network.enable')
  // Only connections made after this are shaped; the delay counts in both directions.
  const shape = { offline: false, latency: DELAY_MS, downloadThroughput: -1, uploadThroughput: -1 }
  await session.send('Network.emulateNetworkConditions', shape)
  await opened.goto(url)
  await untilNode(opened)
  return opened
}

beforeAll(async () => {
  server = await startApp()
  page = await openBehindDelay(server.url)
  const other = await openBehindDelay(await page.evaluate(() => centram.share()))
  helper = (await stateOf(other)).id
  await page.evaluate(() => centram.loadModel('toy'))
  await untilState(page, 'a placement over both', ({ placement }) => {
    const stages = placement?.stages ?? []
    return stages.length === 2 && stages.every(({ status }) => status === 'ready')
  })
})
afterAll(async () => {
  for (const browser of browsers) await browser.close()
  await server?.stop()
})

let asked = 0
const answer = (how: Partial<GenerateRequest>): Promise<GenerateResult> =>
  page.evaluate((request) => centram.generate(request, () => {}), {
    requestId: `drafts ${asked++}`,
    modelId: 'toy',
    prompt: { text: PROMPT },
    maxTokens: TOKENS,
    stopAtEnd: false,
    ...how,
  })

describe('drafts', () => {
  test('bring tokens without steps of their own, and the bits are those of plain decoding', async () => {
    const plain = await answer({ logits: 'digest' })
    expect(plain.drafts).toEqual({ handedIn: 0, held: 0 })
    expect(plain.logitsDigests).toHaveLength(TOKENS)
    let held = 0
    for (let round = 0; round < 4; round++) {
      const drafted = await answer({ logits: 'digest', drafts: 'auto' })
      expect(drafted.tokens).toEqual(plain.tokens)
      expect(drafted.logitsDigests).toEqual(plain.logitsDigests)
      held += drafted.drafts?.held ?? 0
    }
    expect(held).toBeGreaterThan(0)
  })

  test('are used without being asked for, with sampling too', async () => {
    for (const sampling of [{}, { temperature: 0.7, topK: 20, seed: 3 }]) {
      const plain = await answer({ sampling, drafts: 'none' })
      const rounds = [await answer({ sampling }), await answer({ sampling }), await answer({ sampling })]
      for (const { tokens } of rounds) expect(tokens).toEqual(plain.tokens)
      const handedIn = rounds.reduce((sum, { drafts }) => sum + (drafts?.handedIn ?? 0), 0)
      const ratio = plain.msPerToken / (rounds.at(-1)?.msPerToken ?? 1)
      console.log(`${JSON.stringify(sampling)}: ${handedIn} drafts, ${ratio.toFixed(2)} times as fast as without`)
      expect(handedIn).toBeGreaterThan(0)
    }
  })
})

test('the node that computed a part of an answer signs for it', async () => {
  const { signedBy, stages } = await answer({ maxTokens: 4 })
  expect(new Set(stages.map(({ nodeId }) => nodeId)).size).toBe(2)
  expect(signedBy).toEqual([helper])
})
