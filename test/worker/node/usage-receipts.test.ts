import { beforeEach, describe, expect, test, vi } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { createVerifier, type Verifier } from '#core/crypto/identity.ts'
import { errorCode } from '#core/errors.ts'
import { answerTranscript, type Question } from '#core/protocol/answer-transcript.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import { createUsageReceipts, type AccountedAnswer, type UsageReceipts } from '../../../worker/node/usage-receipts.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'
import { importIdentity } from '../../core/protocol/frame-tools.ts'
import { createFakeClock, type FakeClock } from '../net/fake-clock.ts'

type Signed = BodyOf<'INFER_RECEIPT'>

interface Party {
  readonly id: string
  readonly identity: Awaited<ReturnType<typeof importIdentity>>
  readonly records: Records
  readonly receipts: UsageReceipts
}

let clock: FakeClock
let verifier: Verifier
let parties: Map<string, Party>
let refused: string[]
/** By whom receipts with both signatures were handed on, and their prices. */
let settled: [string, number][]
/** What is on its way may be changed, or (null) lost. */
let tamper: (body: Signed, from: string) => Signed | null
let asker: Party
let helper: Party

async function createParty(seed: number): Promise<Party> {
  const identity = await importIdentity(new Uint8Array(32).fill(seed))
  const id = toHex(identity.publicKey)
  const records = createMemoryRecords()
  const receipts = createUsageReceipts(
    { identity, verifier, records, clock, wallTime: () => 1000 },
    (peer, _name, body) => {
      const to = parties.get(peer)
      if (!to) throw new Error('no link')
      const arrived = tamper(body as Signed, id)
      if (arrived) to.receipts.onReceipt(id, arrived).catch((error: unknown) => refused.push(errorCode(error)))
    },
    async (receipt) => void settled.push([id, readObject(USAGE_RECEIPT, receipt).price]),
  )
  const party = { id, identity, records, receipts }
  parties.set(id, party)
  return party
}

const keptBy = async ({ records }: Party) => {
  const keys = await records.keys('receipts')
  return Promise.all(keys.map(async (key) => (await records.get('receipts', key)) as Signed))
}

/** Signatures are made in real time, on other threads; patience is the clock's. */
async function outlast<T>(waiting: Promise<T>): Promise<T> {
  const timer = setInterval(() => void clock.advance(2000), 5)
  return waiting.finally(() => clearInterval(timer))
}

beforeEach(async () => {
  clock = createFakeClock()
  verifier = await createVerifier(globalThis.crypto.subtle)
  parties = new Map()
  refused = []
  settled = []
  tamper = (body) => body
  asker = await createParty(1)
  helper = await createParty(2)
})

const QUESTION: Question = {
  model: 'ab'.repeat(32),
  prompt: { text: 'Hello' },
  maxTokens: 4,
  sampling: {},
  stopAtEnd: true,
}
const TRANSCRIPT = answerTranscript(QUESTION, [1, 2, 3])
const ANSWER: AccountedAnswer = {
  request: new Uint8Array(16).fill(9),
  model: new Uint8Array(32).fill(0xab),
  genomes: [],
  usage: { promptTokens: 5, tokens: 3 },
  transcript: TRANSCRIPT,
  price: 0,
}

test('a transcript names the question and the tokens, and nothing else', () => {
  const same = answerTranscript({ ...QUESTION, request: new Uint8Array(16) } as Question, [1, 2, 3])
  expect(toHex(same)).toBe(toHex(TRANSCRIPT))
  const others = [
    answerTranscript(QUESTION, [1, 2]),
    answerTranscript(QUESTION, [1, 2, 4]),
    answerTranscript({ ...QUESTION, prompt: { text: 'Hello!' } }, [1, 2, 3]),
    answerTranscript({ ...QUESTION, sampling: { seed: 1 } }, [1, 2, 3]),
    answerTranscript({ ...QUESTION, continueFrom: { tokens: [1] } }, [2, 3]),
  ]
  expect(new Set([TRANSCRIPT, ...others].map(toHex)).size).toBe(6)
})

describe('layers computed for an asker', () => {
  test('are signed for by both, and both keep the same receipt', async () => {
    helper.receipts.noteWork(asker.id, 7)
    const [signed, ...more] = await asker.receipts.collect(ANSWER, [helper.id])
    expect(more).toEqual([])
    const receipt = readObject(USAGE_RECEIPT, signed?.receipt ?? new Uint8Array(0))
    expect(receipt).toMatchObject({ usage: ANSWER.usage, price: 0, at: 1000 })
    for (const { key, signature } of [
      { key: asker.identity.publicKey, signature: signed?.asker },
      { key: helper.identity.publicKey, signature: signed?.server },
    ]) {
      expect(
        await verifyObject(USAGE_RECEIPT, signed?.receipt as Uint8Array, key, signature as Uint8Array, verifier),
      ).toBe(true)
    }
    expect(await keptBy(asker)).toEqual(await keptBy(helper))
    expect(await keptBy(asker)).toHaveLength(1)
    expect(settled.map(([id]) => id).sort()).toEqual([asker.id, helper.id].sort())
    expect(await asker.receipts.verify([signed as Signed], asker.identity.publicKey, TRANSCRIPT)).toEqual([helper.id])
  })

  test('are signed for once: no receipt names more than was computed', async () => {
    helper.receipts.noteWork(asker.id, 12)
    expect(await asker.receipts.collect(ANSWER, [helper.id])).toHaveLength(1)
    const second = asker.receipts.collect({ ...ANSWER, request: new Uint8Array(16).fill(8) }, [helper.id])
    expect(await outlast(second)).toEqual([])
    expect(refused).toEqual(['BAD_ARGUMENT'])
  })

  test('a helper that is gone, or says nothing, is not waited for', async () => {
    expect(await asker.receipts.collect(ANSWER, ['ff'.repeat(32)])).toEqual([])
    const sent = new Promise<void>((resolve) => {
      tamper = () => {
        resolve()
        return null
      }
    })
    const waiting = asker.receipts.collect(ANSWER, [helper.id])
    await sent
    asker.receipts.onPeerLost(helper.id)
    expect(await waiting).toEqual([])
  })

  test('a signature of somebody else, or under other figures, does not count', async () => {
    helper.receipts.noteWork(asker.id, 100)
    tamper = (body, from) => (from === helper.id ? { ...body, server: new Uint8Array(64) } : body)
    const forged = asker.receipts.collect(ANSWER, [helper.id])
    expect(await outlast(forged)).toEqual([])
    tamper = (body, from) => {
      if (from !== asker.id) return body
      const read = readObject(USAGE_RECEIPT, body.receipt)
      return { ...body, receipt: encodeObject(USAGE_RECEIPT, { ...read, usage: { promptTokens: 0, tokens: 0 } }) }
    }
    const changed = asker.receipts.collect(ANSWER, [helper.id])
    expect(await outlast(changed)).toEqual([])
    expect(refused).toEqual(['SIGNATURE_INVALID', 'SIGNATURE_INVALID'])
  })
})

describe('a whole answer', () => {
  test('is signed for by who gave it, then by who asked', async () => {
    asker.receipts.expect(helper.id, ANSWER)
    await helper.receipts.issue(asker.id, ANSWER)
    await vi.waitFor(async () => expect(await keptBy(helper)).toHaveLength(1))
    expect(refused).toEqual([])
    expect(await keptBy(asker)).toEqual(await keptBy(helper))
  })

  test('has the price that was offered, and goes to the books of both', async () => {
    asker.receipts.expect(helper.id, { ...ANSWER, price: 7 })
    await helper.receipts.issue(asker.id, { ...ANSWER, price: 7 })
    await vi.waitFor(() => expect(settled).toHaveLength(2))
    expect(settled).toEqual([
      [asker.id, 7],
      [helper.id, 7],
    ])
  })

  test.each([
    ['before', 9, 9],
    ['after', 9, 10],
  ])('or a merge, whose receipt came %s it was found right, is paid up to the cap', async (when, price, cap) => {
    const merge = { ...ANSWER, work: 'merge', usage: { promptTokens: 0, tokens: 0 } } as const
    if (when === 'after') asker.receipts.expect(helper.id, { ...merge, price: cap })
    await helper.receipts.issue(asker.id, { ...merge, price })
    if (when === 'before') {
      await vi.waitFor(() => expect(refused).toEqual([]))
      expect(settled).toEqual([])
      asker.receipts.expect(helper.id, { ...merge, price: cap })
    }
    await vi.waitFor(() => expect(settled).toHaveLength(2))
    asker.receipts.expect(helper.id, { ...merge, request: new Uint8Array(16), price: cap })
    await helper.receipts.issue(asker.id, { ...merge, request: new Uint8Array(16), price: cap + 1 })
    await vi.waitFor(() => expect(refused).toEqual(['BAD_ARGUMENT']))
  })

  test('is not signed for when it was another one, or was never given', async () => {
    await helper.receipts.issue(asker.id, ANSWER)
    await vi.waitFor(() => expect(refused).toHaveLength(1))
    asker.receipts.expect(helper.id, { ...ANSWER, transcript: answerTranscript(QUESTION, [1, 2, 4]) })
    await helper.receipts.issue(asker.id, ANSWER)
    await vi.waitFor(() => expect(refused).toHaveLength(2))
    asker.receipts.expect(helper.id, { ...ANSWER, usage: { promptTokens: 5, tokens: 2 } })
    await helper.receipts.issue(asker.id, ANSWER)
    await vi.waitFor(() => expect(refused).toHaveLength(3))
    asker.receipts.expect(helper.id, { ...ANSWER, price: 3 })
    await helper.receipts.issue(asker.id, { ...ANSWER, price: 4 })
    await vi.waitFor(() => expect(refused).toHaveLength(4))
    expect(new Set(refused)).toEqual(new Set(['BAD_ARGUMENT']))
    expect(settled).toEqual([])
    expect(await keptBy(asker)).toEqual([])
    expect(await keptBy(helper)).toEqual([])
  })

  test('receipts that came with it are held to its transcript and its asker', async () => {
    const receipt = encodeObject(USAGE_RECEIPT, {
      ...ANSWER,
      work: 'answer',
      genomes: [],
      asker: asker.identity.publicKey,
      server: helper.identity.publicKey,
      price: 0,
      at: 5,
    })
    const server = await signObject(USAGE_RECEIPT, receipt, helper.identity)
    const check = (signed: Signed, key: Uint8Array, transcript: Uint8Array) =>
      asker.receipts.verify([signed], key, transcript).then(() => 'fine', errorCode)
    const good = { receipt, server, asker: null }
    expect(await check(good, asker.identity.publicKey, TRANSCRIPT)).toBe('fine')
    expect(await check(good, helper.identity.publicKey, TRANSCRIPT)).toBe('BAD_ARGUMENT')
    expect(await check(good, asker.identity.publicKey, new Uint8Array(32))).toBe('BAD_ARGUMENT')
    expect(await check({ ...good, server: null }, asker.identity.publicKey, TRANSCRIPT)).toBe('SIGNATURE_INVALID')
  })
})
