// A day in the life of a room in which every message between nodes, and with the server, is sent and handled by the product as it is:
// the server, five tabs with a GPU and one without. Ends with a table of who sent each message and who handled it.

import type { Browser, BrowserContext } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readZip } from '#core/genome/zip.ts'
import { MESSAGES } from '#core/protocol/registry.ts'
import { launchServer } from '../../signaling-server/cli/launch.ts'
import { ensureWebApp } from '../../signaling-server/cli/web-build.ts'
import type { RunningServer } from '../../signaling-server/server.ts'
import type { NodeState } from '../../worker/node/api.ts'
import { launchBrowser, openTab, stateOf, untilNode, untilState } from '../e2e/support/app.ts'
import { createCast } from './support/cast.ts'
import { openWatchedTab } from './support/connections.ts'
import { createMessageLedger } from './support/message-ledger.ts'

const FAMILIES = new Set(MESSAGES.map(({ family }) => family))
const TEXT = 'The tide comes in and the tide goes out, and the harbour master writes it down. '.repeat(16)
const PROMPT = 'The captain looked at the sea and'
/** News of a genome with such a name and licence is long enough that neighbours tell each other not to send it again. */
const LONG_NAME = '潮の満ち引きを書きとめる港の書記'.repeat(8)
const LONG_LICENCE = 'LicenseRef-海辺の人々が自由に使い、写し、変えてよい'.repeat(4)
/** At once: the server takes 400 frames of a connection, and 50 more each second. */
const RENAMES = 250
/** News that a node may publish at once, and more. */
const MANY_NEWS = 30

const ledger = createMessageLedger()
let server: RunningServer
const browsers: Browser[] = []
const cast = createCast(ledger)
const { tab, idOf, untilLinked, countOf, untilCounted } = cast
let invite = ''

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A device of its own: a store that nobody shares. */
async function openDevice(gpu: boolean): Promise<BrowserContext> {
  const kind = browsers[gpu ? 0 : 1] ?? expect.fail('There is no browser.')
  return kind.newContext()
}

beforeAll(async () => {
  await ensureWebApp(() => {})
  // Nobody answers there: what is lent is the credentials.
  const turn = { urls: ['turn:127.0.0.1:9'], secret: 'of nobody' }
  server = await launchServer({ port: 0, host: '127.0.0.1', turn })
  browsers.push(await launchBrowser(), await launchBrowser({ gpu: false }))
})
afterAll(async () => {
  console.log(`\n${ledger.table(FAMILIES)}\n`)
  for (const browser of browsers) await browser.close()
  await server?.stop()
})

test('Fay, who has no GPU, renames herself until the server tells her to wait', async () => {
  cast.enter('Fay', await openTab(await openDevice(false), server.url))
  await tab('Fay').evaluate(() => centram.share())
  await untilState(tab('Fay'), 'the server', ({ server: { state } }) => state === 'open')
  for (let round = 0; round < 20 && (await countOf('Fay', 'SIGNAL_THROTTLED', 'handled')) === 0; round++) {
    await tab('Fay').evaluate(async (times) => {
      await Promise.all(Array.from({ length: times }, (_, index) => centram.rename(`Fay the ${index}th`)))
    }, RENAMES)
  }
  await untilCounted('Fay', 'SIGNAL_THROTTLED', 'handled')
  await tab('Fay').evaluate(() => centram.leave())
})

test('Ada opens a room, and Ben and Cleo come with what they need of it', async () => {
  cast.enter('Ada', await openTab(await openDevice(true), server.url))
  await tab('Ada').evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  invite = await tab('Ada').evaluate(() => centram.share())
  cast.enter('Ben', await openWatchedTab(await openDevice(true), invite))
  cast.enter('Cleo', await openTab(await openDevice(true), invite))
  await untilLinked('Ada', 'Ben', 'Cleo')
})

test('Ben fetches the model from Ada, thinks better of it, and fetches it with Cleo until Ada stops giving', async () => {
  const share = (enabled: boolean, bytesPerSecond: number | null) =>
    tab('Ada').evaluate((settings) => centram.setSharing({ ...settings, keepBytes: 1e9 }), { enabled, bytesPerSecond })
  const load = (name: string) => tab(name).evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  await share(true, 300_000)
  const given = load('Ben').catch((error: unknown) => String(error))
  await untilState(tab('Ben'), 'some of the model', ({ sharing }) => sharing.fromPeers > 0)
  await tab('Ben').evaluate(() => centram.cancelLoad('toy'))
  expect(await given).toContain('cancelled')
  await untilCounted('Ada', 'CONTENT_CANCEL', 'handled')

  const before = (await stateOf(tab('Ben'))).sharing.fromPeers
  const loading = [load('Ben'), load('Cleo')]
  await untilState(tab('Ben'), 'more of the model', ({ sharing }) => sharing.fromPeers > before)
  const refusals = await countOf('Ada', 'CONTENT_UNAVAILABLE', 'sent')
  await share(false, null)
  await untilCounted('Ada', 'CONTENT_UNAVAILABLE', 'sent', refusals)
  await Promise.all(loading)
  await share(true, null)
  for (const name of ['Ben', 'Cleo']) await tab(name).evaluate(() => centram.unloadModel('toy'))
})

test('a measured link breaks and goes on, a third is refused meanwhile, and one that begins anew is given up', async () => {
  const measure = (from: string, to: string) =>
    tab(from)
      .evaluate((peer) => centram.measureLink(peer).then(({ bytesPerSecond }) => bytesPerSecond), to)
      .catch((error: unknown) => String(error))
  const cleo = await idOf('Cleo')
  const resumed = measure('Ben', cleo)
  await untilCounted('Cleo', 'STREAM_DATA', 'handled')
  expect(await measure('Ada', cleo)).toContain('busy')
  await tab('Ben').evaluate(() => {
    for (const connection of globalThis.connections) connection.close()
  })
  await untilCounted('Cleo', 'STREAM_RESUME', 'sent')
  expect(await resumed).toBeGreaterThan(0)

  const sentBefore = await countOf('Ben', 'STREAM_DATA', 'sent')
  const givenUp = measure('Ben', cleo)
  await untilCounted('Ben', 'STREAM_DATA', 'sent', sentBefore + 20)
  await cast.reload('Cleo')
  expect(await givenUp).toContain('began anew')
  await untilLinked('Ada', 'Ben', 'Cleo')
})

/** A short run on the built-in model; resolves with the genome's id. */
async function train(name: string, title: string, licence: string, seed: number, isPrivate = false): Promise<string> {
  // A private run takes documents one by one: there must be enough that one hides among them.
  const documents = Array.from({ length: 60 }, (_, i) => JSON.stringify({ text: `On day ${i} the tide was ${i % 7}.` }))
  const [page, text] = [tab(name), isPrivate ? documents.join('\n') : TEXT]
  await page.evaluate(
    (told) =>
      centram.startTraining({
        modelId: 'toy',
        name: told.title,
        files: [new Blob([told.text])],
        names: [told.isPrivate ? 'tides.jsonl' : 'tides.txt'],
        lora: { targets: ['attn_qkv'], rank: 2, alpha: 4, rankStabilised: false, dropout: 0, freezeA: false },
        steps: 2,
        batchSize: 2,
        sequenceLength: 24,
        learningRate: 0.01,
        heldOutFraction: 0.1,
        seed: told.seed,
        licence: told.licence,
        ...(told.isPrivate && { privacy: { noiseMultiplier: 2, clipNorm: 1, delta: 1e-5, budget: 8 } }),
      }),
    { text, title, seed, licence, isPrivate },
  )
  const isThere = ({ genomes }: NodeState) => genomes.some((genome) => genome.name === title)
  const { genomes } = await untilState(page, `the genome ${title}`, isThere)
  return genomes.find((genome) => genome.name === title)?.id ?? ''
}

test('Ada trains genomes and shares them; Ben fetches, judges and merges; Fay comes, goes, and asks for what she missed', async () => {
  const [ada, ben, fay] = [tab('Ada'), tab('Ben'), tab('Fay')]
  await fay.evaluate((link) => centram.join(link), invite)
  await untilLinked('Ada', 'Ben', 'Cleo', 'Fay')
  const first = await train('Ada', LONG_NAME, LONG_LICENCE, 1)
  const second = await train('Ada', 'Waves', 'CC0-1.0', 2)
  const secret = await train('Ada', 'Letters', 'CC0-1.0', 3, true)
  for (const id of [first, second, secret]) await ada.evaluate((genome) => centram.shareGenome(genome, true), id)
  for (const id of [first, second]) {
    await fetchJudged('Ben', id)
    await ben.evaluate((genome) => centram.allowGenome(genome), id)
  }
  await ben.evaluate(() => centram.findGenomes('toy'))

  const peer = await idOf('Ben')
  const evaluate = () =>
    ada.evaluate(([to, id]) => centram.requestEvaluation(to, [id], 'tides', 4), [peer, first] as const)
  await expect(evaluate()).rejects.toThrow(/judges no genomes/)
  await ben.evaluate((text) => centram.setJudgingText('tides', [new Blob([text])], ['more.txt']), TEXT.repeat(2))
  await evaluate()
  await ben.evaluate(() => centram.setMergesForOthers(true))
  const merged = await ada.evaluate(
    ([to, parents]) =>
      centram.proposeMerge(to, {
        name: 'Both',
        operator: 'dare_linear',
        parents,
        parameters: { density: 0.5 },
        seed: 3,
        licence: 'CC0-1.0',
      }),
    [peer, [first, second]] as const,
  )
  expect(merged.isSame).toBe(true)

  /** Takes a genome back and shares it again, over and over: each time is news. */
  const tell = (times: number, everyMs: number) =>
    ada.evaluate(
      async ({ id, count, wait }) => {
        for (let time = 0; time < count; time++) {
          await centram.shareGenome(id, time % 2 === 1)
          await new Promise((resolve) => setTimeout(resolve, wait))
        }
      },
      { id: second, count: times, wait: everyMs },
    )
  await fay.evaluate(() => centram.leave())
  await untilLinked('Ada', 'Ben', 'Cleo')
  const telling = tell(12, 300)
  await pause(500)
  await fay.evaluate((link) => centram.join(link), invite)
  await untilCounted('Fay', 'GOSSIP_IWANT', 'sent')
  await telling
  await untilLinked('Ada', 'Ben', 'Cleo', 'Fay')
  // Once it has said too much to everyone, it tells only those it is linked with.
  await tell(MANY_NEWS, 0)
  await untilCounted('Ben', 'GENOME_WITHDRAW', 'handled')
})

/** Resolves once the gate has spoken. */
async function fetchJudged(name: string, id: string): Promise<NodeState['arrivals'][number]> {
  const page = tab(name)
  await untilState(page, 'the announcement', ({ roomGenomes }) => roomGenomes.some((genome) => genome.id === id))
  await page.evaluate((genome) => centram.fetchGenome(genome), id)
  const isJudged = ({ arrivals }: NodeState) =>
    arrivals.some((arrival) => arrival.id === id && arrival.judgement !== null && !arrival.judging)
  const { arrivals } = await untilState(page, `the verdict of ${name}`, isJudged)
  return arrivals.find((arrival) => arrival.id === id) ?? expect.fail('It has gone again.')
}

test('Cleo judges what she fetches, sees what Ben’s gate said, has him look again, and finds a copy that names no parent', async () => {
  const [ada, ben, cleo] = [tab('Ada'), tab('Ben'), tab('Cleo')]
  // What Ben judges by from now on Cleo judges by too: the text was for others’ questions.
  await ben.evaluate(() => centram.setJudgingText('', [], []))
  const genomeOf = (state: NodeState, name: string) => state.genomes.find((genome) => genome.name === name)?.id ?? ''
  const original = genomeOf(await stateOf(ada), LONG_NAME)
  // One that she trained herself tells her gate what is usual; Ben's has nothing to compare with.
  await train('Cleo', 'Of my own', 'CC0-1.0', 4)
  await fetchJudged('Cleo', original)
  await untilState(cleo, 'the verdict of Ben', ({ arrivals }) => arrivals.some(({ others }) => others.length > 0))
  await untilCounted('Cleo', 'GATE_VERDICT', 'handled')
  await cleo.evaluate(([id, judge]) => centram.disputeVerdict(id, judge), [original, await idOf('Ben')] as const)
  await untilState(cleo, 'the answer of Ben', ({ arrivals }) =>
    arrivals.some(({ others }) => others.some(({ challenges }) => challenges.some(({ reply }) => reply !== null))),
  )

  // Of a merge the parents come with it, as manifests.
  const both = (await stateOf(cleo)).roomGenomes.find(({ generation }) => generation === 1)?.id ?? ''
  const merged = await fetchJudged('Cleo', both)
  expect(merged.judgement?.layers[5]).toMatchObject({ layer: 'lineage', outcome: 'passed' })
  await untilCounted('Cleo', 'GATE_LINEAGE', 'handled')

  // Ben takes Ada's files for his own.
  const zip = await ben.evaluate(async (id) => [...(await centram.exportGenome(id)).bytes], original)
  const entries = await readZip('genome.zip', Uint8Array.from(zip), 1e8, async (bytes) => bytes)
  const files = entries.filter(({ name }) => name.includes('adapter_'))
  const copy = await ben.evaluate(
    (parts) =>
      centram.importGenome(
        'toy',
        parts.map(({ bytes }) => new Blob([Uint8Array.from(bytes)])),
        parts.map(({ name }) => name),
      ),
    files.map(({ name, bytes }) => ({ name, bytes: [...bytes] })),
  )
  await ben.evaluate((id) => centram.shareGenome(id, true), copy)
  const found = await fetchJudged('Cleo', copy)
  expect(found.judgement?.layers[5]).toMatchObject({ outcome: 'refused', code: 'NEAR_COPY' })
  await untilCounted('Ben', 'GATE_LINEAGE_DISPUTE', 'handled')
})

test('Fay asks Ada more than a guest may, while Ada asks too, and takes a question back', async () => {
  const [ada, fay] = [tab('Ada'), tab('Fay')]
  const title = 'a model to ask for'
  await untilState(fay, title, ({ peers }) => peers.some(({ models }) => models.some(({ id }) => id === 'toy')))
  const busy = ada.evaluate(async (text) => {
    const ask = async (asker: number) => {
      for (let round = 0; !('heard' in globalThis); round++) {
        const prompt = { text: `${text} ${asker}` }
        await centram.generate({ requestId: `${asker}/${round}`, modelId: 'toy', prompt, maxTokens: 60 }, () => {})
      }
    }
    await Promise.all([1, 2, 3].map(ask))
  }, PROMPT)
  await untilState(ada, 'its own answers', ({ speed }) => speed !== null)
  const { outcomes, places } = await fay.evaluate(async (text) => {
    const places: number[] = []
    const asked = Array.from({ length: 5 }, (_, index) =>
      centram
        .generate({ requestId: `Fay ${index}`, modelId: 'toy', prompt: { text }, maxTokens: 80 }, (event) => {
          if (event.type === 'queue') places.push(event.position)
          // As soon as Ada has taken it up.
          if (index === 0) void centram.stop('Fay 0')
        })
        .then(
          ({ finish }) => finish as string,
          (error: unknown) => (error as { code: string }).code,
        ),
    )
    return { outcomes: await Promise.all(asked), places }
  }, PROMPT)
  await ada.evaluate(() => void Object.assign(globalThis, { heard: true }))
  await busy
  expect(outcomes).toContain('cancelled')
  expect(outcomes.filter((outcome) => outcome === 'NO_CAPACITY')).toHaveLength(1)
  expect(places.length).toBeGreaterThan(0)
})

/** Ada, Ben, Cleo and Fay lend and pay; what each sees of its line with another. */
const lineOf = (state: NodeState, peer: string) => state.ledger.lines.find((line) => line.peer === peer)

async function lend(from: string, to: string, limit: number): Promise<void> {
  const [lender, borrower] = [await idOf(from), await idOf(to)]
  await tab(from).evaluate(([peer, most]) => centram.grantCredit(peer, most), [borrower, limit] as const)
  await untilState(tab(to), `the credit of ${from}`, (state) => lineOf(state, lender)?.received === limit)
}

test('Cleo sells an answer to Fay and passes on what is due to Ben and Ada, who says what she wants of it', async () => {
  const [ada, cleo, fay] = [tab('Ada'), tab('Cleo'), tab('Fay')]
  await ada.evaluate(() => centram.unloadModel('toy'))
  const both = (await stateOf(cleo)).roomGenomes.find(({ generation }) => generation === 1)?.id ?? ''
  await cleo.evaluate((id) => centram.allowGenome(id), both)
  await cleo.evaluate(() => centram.loadModel('toy', { placement: 'solo' }))
  await cleo.evaluate((genomeId) => centram.setAdapters('toy', [{ genomeId, weight: 1 }]), both)
  await cleo.evaluate(() => centram.setPrices({ prompt: 1000, answer: 1000, merge: 0, cap: 0 }))
  await fay.evaluate(() => centram.setPrices({ prompt: 0, answer: 0, merge: 0, cap: 10_000 }))
  await lend('Cleo', 'Fay', 10_000)
  await lend('Ada', 'Cleo', 10_000)
  await lend('Ben', 'Cleo', 10_000)

  const seller = await idOf('Cleo')
  const isOnlyHolder = ({ peers }: NodeState) =>
    peers.every(({ id, models }) => models.some((model) => model.id === 'toy') === (id === seller))
  await untilState(fay, 'Cleo alone with the model', isOnlyHolder)
  await fay.evaluate(
    (text) => centram.generate({ requestId: 'paid', modelId: 'toy', prompt: { text }, maxTokens: 40 }, () => {}),
    PROMPT,
  )
  await untilState(cleo, 'what Fay owes', ({ ledger: { balance } }) => balance > 0)
  expect(await cleo.evaluate(() => centram.settleRoyalties())).toBeGreaterThan(0)
  for (const name of ['Ada', 'Ben']) {
    await untilState(tab(name), 'its share', (state) => (lineOf(state, seller)?.balance ?? 0) > 0)
  }
  const own = (await stateOf(ada)).genomes.find(({ name }) => name === LONG_NAME)?.id ?? ''
  const terms = { sharePpm: 300_000, decayPpm: 0, depth: 0 }
  await ada.evaluate(([id, wanted]) => centram.setRoyaltyTerms(id, wanted), [own, terms] as const)
  await untilCounted('Cleo', 'LEDGER_ROYALTY_RULE', 'handled')
})

test('Ben pays Ada just as she takes her credit back, and Fay objects to what Cleo wrote', async () => {
  const [ada, ben, fay] = [tab('Ada'), tab('Ben'), tab('Fay')]
  const [adaId, benId, cleoId] = [await idOf('Ada'), await idOf('Ben'), await idOf('Cleo')]
  // Which of the two comes first is chance.
  for (let limit = 100; limit < 140 && (await countOf('Ben', 'LEDGER_ABORT', 'handled')) === 0; limit++) {
    await lend('Ada', 'Ben', limit)
    const closing = ada.evaluate((peer) => centram.grantCredit(peer, 0), benId)
    await ben.evaluate((peer) => centram.pay(peer, 1).catch(() => undefined), adaId)
    await closing
  }
  await untilCounted('Ben', 'LEDGER_ABORT', 'handled')

  const hasLog = ({ ledger: { logs } }: NodeState) => logs.some(({ author, tip }) => author === cleoId && tip !== null)
  const { ledger: books } = await untilState(fay, 'the log of Cleo', hasLog)
  const tip = books.logs.find(({ author }) => author === cleoId)?.tip ?? ''
  await fay.evaluate((entry) => centram.objectTo(entry, 'That was more than I was told.'), tip)
  await untilState(ada, 'the objection', ({ ledger: { disputes } }) => disputes.length > 0)
  await untilCounted('Cleo', 'LEDGER_DISPUTE', 'handled')
})

test('Gil’s disk is set back to before he wrote, he writes again, and everyone has the proof', async () => {
  const page = await openTab(tab('Fay').context(), invite)
  cast.enter('Gil', page)
  await untilLinked('Ada', 'Ben', 'Cleo', 'Fay', 'Gil')
  const [adaId, gilId] = [await idOf('Ada'), await idOf('Gil')]
  const lendToAda = (limit: number) =>
    page.evaluate(([peer, most]) => centram.grantCredit(peer, most), [adaId, limit] as const)
  await lendToAda(1)
  const isHere = ({ ledger: { logs } }: NodeState) =>
    logs.some(({ author, entries }) => author === gilId && entries === 1)
  await untilState(tab('Ada'), 'the log of Gil', isHere)
  await page.evaluate(() => centram.leave())
  await page.evaluate(
    (author) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('centram')
        opening.onerror = () => reject(new Error('The database did not open.'))
        opening.onsuccess = () => {
          const work = opening.result.transaction('records', 'readwrite')
          work
            .objectStore('records')
            .delete(IDBKeyRange.bound(['ledger', `entry/${author}/`], ['ledger', `entry/${author}/~`]))
          work.objectStore('records').delete(['ledger', `head/${author}`])
          work.oncomplete = () => {
            opening.result.close()
            resolve()
          }
        }
      }),
    gilId,
  )
  await ledger.take('Gil', page)
  await page.goto(server.url)
  await untilNode(page)
  expect(await idOf('Gil')).toBe(gilId)
  await lendToAda(2)
  await page.evaluate((link) => centram.join(link), invite)
  for (const name of ['Ada', 'Ben', 'Cleo', 'Fay']) {
    await untilState(tab(name), 'the proof', ({ ledger: { forks } }) => forks.some(({ author }) => author === gilId))
  }
  await cast.close('Gil')
})

test('four answer as one while a fifth looks on, checks what they computed, and takes over from one that goes', async () => {
  const ada = tab('Ada')
  const device = tab('Cleo').context()
  for (const name of ['Dora', 'Emil']) cast.enter(name, await openTab(device, invite))
  await untilLinked('Ada', 'Ben', 'Cleo', 'Dora', 'Emil', 'Fay')
  await ada.evaluate(() => centram.loadModel('toy'))
  const isSpread = ({ placement }: NodeState) =>
    placement?.stages.length === 4 && placement.stages.every(({ status }) => status === 'ready')
  const { placement } = await untilState(ada, 'a placement over four', isSpread)
  const holders = new Set(placement?.stages.map(({ nodeId }) => nodeId))
  const goer = holders.has(await idOf('Dora')) ? 'Dora' : 'Emil'

  // Chance decides after which answer a stage is audited: one in eight.
  for (let round = 0; round < 100 && (await countOf('Ada', 'PIPE_AUDIT', 'handled')) < 2; round++) {
    await ada.evaluate(
      ([id, text]) => centram.generate({ requestId: id, modelId: 'toy', prompt: { text }, maxTokens: 2 }, () => {}),
      [`short ${round}`, `${PROMPT} ${round}`] as const,
    )
    await pause(250)
  }
  expect(await countOf('Ada', 'PIPE_AUDIT', 'handled')).toBeGreaterThanOrEqual(2)

  await ada.evaluate((text) => {
    const told = { tokens: 0, answer: null as ReturnType<typeof centram.generate> | null }
    Object.assign(globalThis, { told })
    told.answer = centram.generate(
      { requestId: 'long', modelId: 'toy', prompt: { text }, maxTokens: 80, stopAtEnd: false, drafts: 'none' },
      ({ type }) => {
        if (type === 'token') told.tokens++
      },
    )
  }, PROMPT)
  await ada.waitForFunction(() => (globalThis as unknown as Told).told.tokens > 4)
  await cast.close(goer)
  const answer = await ada.evaluate(() => (globalThis as unknown as Told).told.answer)
  expect(answer.tokens).toHaveLength(80)
  expect(await countOf('Ada', 'PIPE_FAILOVER', 'sent')).toBeGreaterThan(0)
})

interface Told {
  readonly told: { readonly tokens: number; readonly answer: ReturnType<typeof centram.generate> }
}

test('Cleo changes her key, Ada leaves, and everyone goes home', async () => {
  const before = await idOf('Cleo')
  await tab('Cleo').evaluate(() => centram.changeKey('retired'))
  await untilCounted('Ben', 'PEER_KEY_REVOKE', 'handled')
  await cast.reload('Cleo')
  const after = await idOf('Cleo')
  expect(after).not.toBe(before)
  await untilState(tab('Ben'), 'Cleo under her new key', ({ peers }) =>
    peers.some(({ id, link }) => id === after && link === 'open'),
  )
  await tab('Ada').evaluate(() => centram.leave())
  await untilCounted('Fay', 'SESSION_GOODBYE', 'handled')
  await cast.closeAll()
})

test('every one of the 96 messages was sent by somebody and handled by somebody', () => {
  ledger.add('server', server.traffic())
  expect(ledger.missing(FAMILIES)).toEqual([])
})
