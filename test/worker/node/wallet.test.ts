// What the wallet is told: why each entry came about, requests that are paid once, and where what genomes earn goes.

import { expect, test } from 'vitest'
import { fromHex } from '#core/crypto/bytes.ts'
import { errorCode } from '#core/errors.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { readPaymentRequest } from '#core/ledger/payment-request.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import { createLedgerRoom, genomes, type LedgerRoom, type Member } from './ledger-room.ts'

const CHILD = 'aa'.repeat(32)
const PARENT = 'bb'.repeat(32)
const GRANDPARENT = 'cc'.repeat(32)

async function createPair() {
  const room = await createLedgerRoom()
  const [ada, ben] = (await Promise.all([1, 2].map((seed) => room.enter(seed)))) as [Member, Member]
  await room.linked(ada, ben)
  return { ...room, ada, ben }
}

async function lend(room: LedgerRoom, from: Member, to: Member, limit: number): Promise<void> {
  await room.finish(from.ledger.api.grantCredit(to.id, limit))
  await room.until(() => to.state().lines.some(({ peer, received }) => peer === from.id && received === limit))
  // Time passes between what people do.
  await room.simulation.clock.advance(1000)
}

/** An answer of `server` to `asker` with the child genome, receipted by both and paid. */
async function answer(room: LedgerRoom, server: Member, asker: Member, price: number): Promise<void> {
  const receipt = encodeObject(USAGE_RECEIPT, {
    work: 'answer',
    request: new Uint8Array(16).fill(price & 255),
    asker: asker.identity.publicKey,
    server: server.identity.publicKey,
    model: new Uint8Array(32),
    genomes: [fromHex(CHILD) as Uint8Array],
    usage: { promptTokens: 5, tokens: 7 },
    price,
    transcript: new Uint8Array(32),
    at: 1_790_000_000_000 + Math.round(room.simulation.clock.now()),
  })
  const [ofServer, ofAsker] = (await Promise.all(
    [server, asker].map(({ identity }) => signObject(USAGE_RECEIPT, receipt, identity)),
  )) as [Uint8Array, Uint8Array]
  const settle = ({ ledger }: Member) => ledger.accounts.settle(receipt, ofServer, ofAsker)
  await room.finish(Promise.all([settle(server), settle(asker)]))
  await room.simulation.clock.advance(1000)
}

const inherit = (...manifests: readonly [id: string, name: string, author: Member, parents: string[]][]) =>
  genomes.splice(
    0,
    genomes.length,
    ...manifests.map(
      ([id, name, { identity }, parents]) =>
        ({ id, manifest: { name, author: identity.publicKey, parents } }) as unknown as SignedGenome,
    ),
  )

const historyOf = async (member: Member, filter = 'all' as const) =>
  (await member.ledger.api.readHistory(filter, 0, 200)).entries

test('every entry of the history says why it is there, also those of a visit before, page by page', async () => {
  const room = await createPair()
  const { ada, ben } = room
  inherit([CHILD, 'Sea poems', ada, []])
  await lend(room, ben, ada, 50)
  await lend(room, ben, ada, 90)
  await answer(room, ben, ada, 12)
  await room.finish(ada.ledger.api.pay(ben.id, 3))
  await room.simulation.clock.advance(1000)
  await room.finish(ben.ledger.api.pay(ada.id, 1))
  const work = { work: 'answer', byThis: false, model: 'A model', promptTokens: 5, tokens: 7, price: 12 }
  const receipt = { ...work, genomes: [{ id: CHILD, name: 'Sea poems' }] }
  const expected = [
    { kind: 'transfer', with: ben.id, amount: 1, reason: { type: 'gift' } },
    { kind: 'transfer', with: ben.id, amount: -3, reason: { type: 'gift' } },
    { kind: 'transfer', with: ben.id, amount: -12, reason: { type: 'work-paid', work: 'answer', receipt } },
    { kind: 'receipt', with: ben.id, amount: -12, reason: { type: 'work', receipt } },
    { kind: 'grant', with: ben.id, amount: 90, reason: { type: 'grant', byThis: false, limit: 90, before: 50 } },
    { kind: 'grant', with: ben.id, amount: 50, reason: { type: 'grant', byThis: false, limit: 50, before: 0 } },
  ]
  expect(await historyOf(ada)).toMatchObject(expected)
  expect((await historyOf(ben))[4]).toMatchObject({ reason: { type: 'grant', byThis: true, limit: 90, before: 50 } })
  expect(await ada.ledger.api.readHistory('payments', 1, 1)).toMatchObject({ entries: [expected[1]], total: 3 })
  expect(await ada.ledger.api.readHistory('credit', 5, 10)).toEqual({ entries: [], total: 2 })

  // To what the other wrote down of it a person may object.
  const { theirs } = (await historyOf(ada))[1] ?? {}
  await room.finish(ada.ledger.api.objectTo(theirs ?? '', 'That was meant for somebody else.'))
  expect(ada.state().disputes).toMatchObject([{ claimant: ada.id, against: ben.id }])
  expect((await historyOf(ada))[0]).toMatchObject({ with: ben.id, reason: { type: 'dispute', code: 'OBJECTION' } })

  room.leave(ada)
  await room.simulation.clock.advance(1000)
  const again = await room.enter(1, ada.records)
  expect((await historyOf(again)).slice(1)).toMatchObject(expected)
})

test('a request is paid when a person says so, once, and both see what it was for', async () => {
  const room = await createPair()
  const { ada, ben } = room
  await lend(room, ben, ada, 50)
  const text = await room.finish(ben.ledger.api.requestPayment(20, ' Pizza '))
  expect(readPaymentRequest(text)).toMatchObject({ amount: 20, note: 'Pizza' })
  expect(ben.state().requests).toMatchObject([{ amount: 20, note: 'Pizza', payments: [] }])
  const link = `https://centram.example/?pay=${text}`
  await room.finish(ada.ledger.api.payRequest(link, 9))
  expect(ada.state().balance).toBe(-20)
  expect(await room.finish(ada.ledger.api.payRequest(link, 9).catch(errorCode))).toBe('PAYMENT_REFUSED')
  expect(await room.finish(ben.ledger.api.payRequest(link, 9).catch(errorCode))).toBe('BAD_ARGUMENT')
  expect(ben.state().requests[0]?.payments).toMatchObject([{ by: ada.id, amount: 20 }])
  for (const member of [ada, ben]) {
    expect((await historyOf(member))[0]?.reason).toEqual({ type: 'request-paid', note: 'Pizza' })
  }
  await room.simulation.clock.advance(1000)
  // Without an amount it is the payer's to say, and what cannot be paid is refused.
  const open = await room.finish(ben.ledger.api.requestPayment(null, ''))
  for (const [amount, code] of [
    [0, 'BAD_ARGUMENT'],
    [1.5, 'BAD_ARGUMENT'],
    [31, 'PAYMENT_REFUSED'],
  ] as const) {
    expect(await room.finish(ada.ledger.api.payRequest(open, amount).catch(errorCode))).toBe(code)
  }
  await room.finish(ada.ledger.api.payRequest(open, 30))
  expect(ben.state().balance).toBe(50)

  await room.finish(ben.ledger.api.forgetRequest(ben.state().requests[1]?.id ?? ''))
  room.leave(ben)
  await room.simulation.clock.advance(1000)
  const again = await room.enter(2, ben.records)
  expect(again.state().requests).toMatchObject([{ amount: null, payments: [{ amount: 30 }] }])
  // Taken off the list, and still known by what it was for.
  expect((await historyOf(again)).map(({ reason }) => reason)).toContainEqual({ type: 'request-paid', note: 'Pizza' })
  expect(await room.finish(ada.ledger.api.payRequest('https://centram.example/', 1).catch(errorCode))).toBe(
    'BAD_ARGUMENT',
  )
})

test('what a genome earned is shown as it goes to its lineage, while the period runs and after it was paid', async () => {
  const room = await createPair()
  const { ada, ben } = room
  // Ben answers with a child of Ada's genome, which came of one of Ben's and one that nobody here has.
  inherit(
    [CHILD, 'Child', ben, [PARENT]],
    [PARENT, 'Parent', ada, [GRANDPARENT, 'dd'.repeat(32)]],
    [GRANDPARENT, 'Grandparent', ben, []],
  )
  await lend(room, ben, ada, 2000)
  await lend(room, ada, ben, 2000)
  await answer(room, ben, ada, 1000)
  // 200 by the usual terms, in parts of 4 : 2 : 1; the last divides between two.
  const amounts = [114, 57, 15, 14]
  const [tree, ...others] = await ben.ledger.api.readRoyalties()
  expect(others).toEqual([])
  expect(tree).toMatchObject({ payer: ben.id, byThis: true, settled: 0, waiting: 0, running: 200, sharePpm: 200_000 })
  expect(tree?.members.map(({ genome, running, mine }) => [genome.name, running, mine])).toEqual([
    ['Child', amounts[0], true],
    ['Parent', amounts[1], false],
    ['Grandparent', amounts[2], true],
    [null, amounts[3], false],
  ])
  expect(tree?.members.map(({ children }) => children)).toEqual([[], [CHILD], [PARENT], [PARENT]])

  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(200)
  await room.simulation.clock.advance(1000)
  const [paid] = await ben.ledger.api.readRoyalties()
  expect(paid).toMatchObject({ settled: 200, running: 0, waiting: amounts[3] })
  expect(paid?.members.map(({ waiting }) => waiting)).toEqual([0, 0, 0, amounts[3]])
  // Who gets a share sees the same tree, and in its history where the payment came from.
  const [seen] = await ada.ledger.api.readRoyalties()
  expect(seen).toMatchObject({ payer: ben.id, byThis: false, settled: 200, waiting: 0 })
  expect(seen?.members.map(({ settled, mine }) => [settled, mine])).toEqual([
    [amounts[0], false],
    [amounts[1], true],
    [amounts[2], false],
    [amounts[3], false],
  ])
  const reasons = (await historyOf(ada)).map(({ amount, reason }) => ({ amount, reason }))
  expect(reasons).toContainEqual({
    amount: amounts[1],
    reason: expect.objectContaining({
      statement: expect.objectContaining({ genomes: [{ id: CHILD, name: 'Child' }] }),
    }),
  })
  // It outlives the visit.
  room.leave(ada)
  await room.simulation.clock.advance(1000)
  expect(await (await room.enter(1, ada.records)).ledger.api.readRoyalties()).toEqual([seen])
})

test('a share waits in the tree until its author lends enough to be paid', async () => {
  const room = await createPair()
  const { ada, ben } = room
  inherit([CHILD, 'Child', ada, []])
  await lend(room, ben, ada, 2000)
  await answer(room, ben, ada, 1000)
  await room.finish(ada.ledger.api.pay(ben.id, 1000))
  // Ben is owed 2,000 and can pay by that: he spends it first.
  await room.finish(ben.ledger.api.pay(ada.id, 2000))
  await room.finish(ben.ledger.api.settleRoyalties())
  expect(await ben.ledger.api.readRoyalties()).toMatchObject([{ settled: 200, waiting: 200 }])
  // The statement was shown to her, and the payment is still to come.
  expect(await ada.ledger.api.readRoyalties()).toMatchObject([{ byThis: false, settled: 200, waiting: 200 }])
  await lend(room, ada, ben, 500)
  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(0)
  room.leave(ada)
  await room.simulation.clock.advance(1000)
  const again = await room.enter(1, ada.records)
  await room.until(() => again.state().lines[0]?.balance === 200, 'the share')
  expect(await again.ledger.api.readRoyalties()).toMatchObject([{ settled: 200, waiting: 0 }])
  expect(await ben.ledger.api.readRoyalties()).toMatchObject([{ settled: 200, waiting: 0 }])
})
