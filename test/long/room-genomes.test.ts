// Two browsers in one room: keys that nobody can read and that survive a reload, genomes shared, fetched, judged and merged between
// nodes, and a key changed on the node's page, which the other one follows.

import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../../signaling-server/server.ts'
import { launchBrowser, openTab, startApp, stateOf, untilNode, untilState } from '../e2e/support/app.ts'

const TEXT = 'The tide comes in and the tide goes out, and the harbour master writes it down. '.repeat(16)
/** Every test leaves the tabs to the next one. */
const SLOWEST_MS = 240_000

let server: RunningServer
let browsers: readonly Browser[]
let ada: Page
let ben: Page
beforeAll(async () => {
  server = await startApp()
  browsers = [await launchBrowser(), await launchBrowser()]
  ada = await openTab(browsers[0] as Browser, server.url)
  const invite = await ada.evaluate(() => centram.share())
  ben = await openTab(browsers[1] as Browser, invite)
  for (const page of [ada, ben]) await untilState(page, 'the link', ({ peers }) => peers[0]?.link === 'open')
}, SLOWEST_MS)
afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close()
  await server?.stop()
})

/** A short run on the built-in model; resolves with the genome's id. */
async function train(page: Page, name: string, seed: number): Promise<string> {
  await page.evaluate(
    async ([text, title, drawn]) =>
      centram.startTraining({
        modelId: 'toy',
        name: title,
        files: [new Blob([text])],
        names: ['tides.txt'],
        lora: { targets: ['attn_qkv'], rank: 2, alpha: 4, rankStabilised: false, dropout: 0, freezeA: false },
        steps: 4,
        batchSize: 2,
        sequenceLength: 24,
        learningRate: 0.01,
        heldOutFraction: 0.1,
        seed: drawn,
        licence: 'CC0-1.0',
      }),
    [TEXT, name, seed] as const,
  )
  const done = await untilState(page, `the genome ${name}`, ({ genomes }) => genomes.some((one) => one.name === name))
  return done.genomes.find((one) => one.name === name)?.id ?? ''
}

const showLab = (page: Page) =>
  page
    .getByRole('button', { name: 'Lab' })
    .or(page.getByRole('link', { name: 'Lab' }))
    .first()
    .click()

test('a node’s key cannot be read, not even by its own page, and is the same after a reload', async () => {
  const context = await (browsers[0] as Browser).newContext()
  const page = await openTab(context, server.url)
  const look = () =>
    page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('centram')
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error ?? new Error('no database'))
      })
      const stored = await new Promise<{ kind: string; publicKey: Uint8Array; privateKey: CryptoKey }>((resolve) => {
        const reading = database.transaction('records').objectStore('records').get(['identities', '0'])
        reading.onsuccess = () => resolve(reading.result as never)
      })
      database.close()
      const refused: string[] = []
      for (const format of ['raw', 'pkcs8', 'jwk'] as const) {
        await crypto.subtle
          .exportKey(format as 'jwk', stored.privateKey)
          .catch((error: unknown) => refused.push((error as Error).name))
      }
      const message = new TextEncoder().encode('is it still there')
      const key = await crypto.subtle.importKey('raw', stored.publicKey as BufferSource, 'Ed25519', true, ['verify'])
      const signature = await crypto.subtle.sign('Ed25519', stored.privateKey, message)
      return {
        kind: stored.kind,
        extractable: stored.privateKey.extractable,
        refused,
        signs: await crypto.subtle.verify('Ed25519', key, signature, message),
        publicKey: [...stored.publicKey].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
      }
    })
  const before = await look()
  expect(before).toMatchObject({ kind: 'webcrypto', extractable: false, signs: true })
  expect(before.refused).toHaveLength(3)
  expect((await stateOf(page)).id).toBe(before.publicKey)
  await page.reload()
  await untilNode(page)
  expect(await look()).toEqual(before)
  expect((await stateOf(page)).id).toBe(before.publicKey)
  await context.close()
})

test(
  'a genome that one shares is seen, fetched, judged and shown by the other, and used once a person allows it',
  { timeout: SLOWEST_MS },
  async () => {
    const id = await train(ada, 'Tides', 1)
    await showLab(ada)
    await ada.getByRole('switch', { name: 'Share Tides with the room' }).click()
    await untilState(ada, 'it to be shared', ({ sharedGenomes }) => sharedGenomes.includes(id))
    await untilState(ben, 'the announcement', ({ roomGenomes }) => roomGenomes.some((one) => one.id === id))
    await showLab(ben)
    await ben.getByRole('button', { name: 'Fetch Tides' }).click()
    const judged = await untilState(ben, 'the verdict', ({ arrivals }) =>
      arrivals.some((one) => one.id === id && one.judgement !== null && !one.judging),
    )
    expect(judged.arrivals).toMatchObject([{ id, use: 'held', author: (await stateOf(ada)).id }])
    expect(judged.arrivals[0]?.judgement).toMatchObject({ accepted: true })
    expect(judged.genomes).toEqual([])
    const card = ben.getByRole('article', { name: 'Tides' }).and(ben.locator('[data-arrival]'))
    await card.getByText('in quarantine').waitFor()
    await card.getByRole('button', { name: 'Verdict on Tides' }).click()
    expect(await card.locator('ol li').count()).toBe(10)
    await card.getByRole('button', { name: 'Use Tides' }).click()
    await card.getByText('in use, allowed by you').waitFor()
    const { genomes, adapters } = await stateOf(ben)
    expect(genomes).toMatchObject([{ id, name: 'Tides', author: (await stateOf(ada)).id }])
    expect(adapters).toEqual([])
  },
)

test(
  'the other one judges it on text of its own, once a person agreed, and says how sure it is',
  { timeout: SLOWEST_MS },
  async () => {
    const id = (await stateOf(ada)).genomes[0]?.id ?? ''
    const evaluate = () =>
      ada.evaluate(async (genome) => {
        const [peer] = await new Promise<NodeStateLike>((resolve) => void centram.watch(resolve)).then(
          ({ peers }) => peers,
        )
        return centram.requestEvaluation(peer?.id ?? '', [genome], 'tides', 8)
      }, id)
    await expect(evaluate()).rejects.toThrow(/judges no genomes/)
    await ben.evaluate(
      (text) => centram.setJudgingText('tides', [new Blob([text])], ['more.txt']),
      'The tide goes out, the harbour master waits, and nobody writes it down. '.repeat(40),
    )
    await evaluate()
    const { roomGenomes } = await stateOf(ada)
    const [evaluation] = roomGenomes.find((one) => one.id === id)?.evaluations ?? []
    expect(evaluation).toMatchObject({ domain: 'tides', probes: 8, evaluator: (await stateOf(ben)).id })
    // It was trained on sentences much like these.
    expect(evaluation?.delta).toBeLessThan(0)
    expect(evaluation?.low).toBeLessThanOrEqual(evaluation?.delta ?? 0)
    expect(evaluation?.high).toBeGreaterThanOrEqual(evaluation?.delta ?? 0)
  },
)

test(
  'a merge that the other one carries out has the bits of the same merge here',
  { timeout: SLOWEST_MS },
  async () => {
    const second = await train(ada, 'Waves', 2)
    await ada.evaluate((id) => centram.shareGenome(id, true), second)
    await untilState(ben, 'the second genome', ({ roomGenomes }) => roomGenomes.some(({ id }) => id === second))
    await ben.evaluate((id) => centram.fetchGenome(id), second)
    // Ben has a text to judge by now, and a GPU: all that can be tried is.
    const judged = await untilState(ben, 'the second verdict', ({ arrivals }) =>
      arrivals.some((one) => one.id === second && one.judgement !== null && !one.judging),
    )
    const layers = judged.arrivals.find(({ id }) => id === second)?.judgement?.layers ?? []
    const refusals = layers.filter(({ outcome }) => outcome === 'refused')
    expect(layers[8]?.outcome, JSON.stringify(refusals)).not.toBe('not-run')
    await ben.evaluate((id) => centram.allowGenome(id), second)
    // Ben's own merge of the two: only once he lets guests weigh more than a quarter, and measured before it may be used.
    const guests = (await stateOf(ben)).genomes.map(({ id }) => id)
    const merge = (uncapped: boolean) =>
      ben.evaluate(
        ([both, lifted]) =>
          centram.mergeGenomes({
            name: 'Measured',
            operator: 'linear',
            parents: both,
            parameters: {},
            seed: 1,
            licence: 'CC0-1.0',
            uncapped: lifted,
          }),
        [guests, uncapped] as const,
      )
    await expect(merge(false)).rejects.toThrow(/came from another node/)
    const measured = await merge(true)
    const { arrivals } = await stateOf(ben)
    const [note = ''] = arrivals.find(({ id }) => id === measured)?.warnings ?? []
    expect(note).toMatch(/nats a token, 95 %/)
    await ben.evaluate(() => centram.setMergesForOthers(true))
    const parents = (await stateOf(ada)).genomes.map(({ id }) => id)
    const peer = (await stateOf(ben)).id
    const merged = await ada.evaluate(
      ([to, both]) =>
        centram.proposeMerge(to, {
          name: 'Both',
          operator: 'dare_linear',
          parents: both,
          parameters: { density: 0.5 },
          seed: 3,
          licence: 'CC0-1.0',
        }),
      [peer, parents] as const,
    )
    expect(merged.isSame).toBe(true)
    await untilState(ada, 'the merged genome', ({ roomGenomes }) =>
      roomGenomes.some(({ id }) => id === merged.genomeId),
    )
  },
)

test(
  'a key changed on the page is followed by the other node: link, name and genomes',
  { timeout: SLOWEST_MS },
  async () => {
    const before = await stateOf(ada)
    await ada.evaluate(() => centram.rename('Ada of the tides'))
    await ada
      .getByRole('button', { name: 'Node', exact: true })
      .or(ada.getByRole('link', { name: 'Node', exact: true }))
      .first()
      .click()
    await ada.getByText('Change key').click()
    await ada.getByRole('button', { name: 'Change the key' }).click()
    await ada.getByRole('button', { name: 'Change', exact: true }).click()
    const after = await untilState(ada, 'the new key', ({ id }) => id !== before.id).catch(async () => {
      await untilNode(ada)
      return stateOf(ada)
    })
    expect(after.id).not.toBe(before.id)
    expect(after.name).toBe('Ada of the tides')
    expect(after.room?.id).toBe(before.room?.id)
    expect(after.genomes.map(({ id }) => id).sort()).toEqual(before.genomes.map(({ id }) => id).sort())
    // Genomes signed by the old key are still this node's own.
    expect(new Set(after.genomes.map(({ author }) => author))).toEqual(new Set([after.id]))
    const followed = await untilState(ben, 'the link under the new key', ({ peers }) =>
      peers.some(({ id, link }) => id === after.id && link === 'open'),
    )
    expect(followed.peers.filter(({ link }) => link === 'open')).toHaveLength(1)
    await untilState(ben, 'the genomes’ author', ({ genomes }) =>
      genomes.filter(({ operator }) => operator === 'train').every(({ author }) => author === after.id),
    )
  },
)

interface NodeStateLike {
  readonly peers: readonly { readonly id: string }[]
}
