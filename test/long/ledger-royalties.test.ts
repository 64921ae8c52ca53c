// Earnings with genomes go on to their lineage: by receipts that both signed, to authors who compute the shares again.

import { expect, test } from 'vitest'
import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { errorCode } from '#core/errors.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { computeStatement, type SignedReceipt } from '#core/ledger/royalties.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { ROYALTY_STATEMENT } from '#core/protocol/messages/ledger.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import { createLedgerRoom, genomes, type LedgerRoom, type Member } from '../worker/node/ledger-room.ts'

const CHILD = 'aa'.repeat(32)
const PARENT = 'bb'.repeat(32)

async function createTrio() {
  const room = await createLedgerRoom()
  const [ada, ben, cleo] = (await Promise.all([1, 2, 3].map((seed) => room.enter(seed)))) as [Member, Member, Member]
  await room.linked(ada, ben, cleo)
  const manifest = (id: string, author: Member, parents: string[]) =>
    ({ id, manifest: { author: author.identity.publicKey, parents } }) as unknown as SignedGenome
  genomes.splice(0, genomes.length, manifest(CHILD, ada, [PARENT]), manifest(PARENT, cleo, []))
  return { ...room, ada, ben, cleo }
}

/** An answer of `server` to `asker`, with the child genome, signed by both. */
async function answer(server: Member, asker: Member, price: number, at: number): Promise<SignedReceipt> {
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
    at,
  })
  const [ofServer, ofAsker] = (await Promise.all(
    [server, asker].map(({ identity }) => signObject(USAGE_RECEIPT, receipt, identity)),
  )) as [Uint8Array, Uint8Array]
  return { receipt, server: ofServer, asker: ofAsker }
}

const owed = (member: Member, by: Member) => member.state().lines.find(({ peer }) => peer === by.id)?.balance

async function lend(room: LedgerRoom, from: Member, to: Member, limit: number): Promise<void> {
  await room.finish(from.ledger.api.grantCredit(to.id, limit))
  await room.until(() => to.state().lines.some(({ peer, received }) => peer === from.id && received === limit))
}

test('a period is closed, computed again by those who get a share, and paid', async () => {
  const room = await createTrio()
  const { ada, ben, cleo } = room
  await lend(room, ben, cleo, 2000)
  await lend(room, ada, ben, 500)
  const now = 1_790_000_000_000
  for (const price of [600, 400]) {
    const { receipt, server, asker } = await answer(ben, cleo, price, now + price)
    await room.finish(Promise.all([ben, cleo].map((member) => member.ledger.accounts.settle(receipt, server, asker))))
  }
  expect(owed(ben, cleo)).toBe(1000)
  // A fifth of it, by the usual terms: two parts for the genome itself, one for its parent.
  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(200)
  expect(owed(ada, ben)).toBe(133)
  expect(owed(cleo, ben)).toBe(-1000 + 67)
  for (const { state, refusals } of [ada, ben, cleo]) {
    expect(state().disputes).toEqual([])
    expect(refusals).toEqual([])
  }
  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(0)
  expect(ben.state().entries.map(({ kind }) => kind)).toContain('royalty')
})

test('what cannot be paid waits for credit, and is paid once when there is some', async () => {
  const room = await createTrio()
  const { ada, ben, cleo } = room
  await lend(room, ben, cleo, 2000)
  const { receipt, server, asker } = await answer(ben, cleo, 1000, 1_790_000_000_000)
  await room.finish(Promise.all([ben, cleo].map((member) => member.ledger.accounts.settle(receipt, server, asker))))
  await room.finish(ben.ledger.api.settleRoyalties())
  expect(owed(ada, ben) ?? 0).toBe(0)
  await lend(room, ada, ben, 500)
  room.leave(ada)
  await room.simulation.clock.advance(1_000)
  const again = await room.enter(1, ada.records)
  await room.until(() => owed(again, ben) === 133, 'the share')
  room.leave(again)
  await room.simulation.clock.advance(1_000)
  const third = await room.enter(1, ada.records)
  await room.linked(third, ben, cleo)
  await room.simulation.clock.advance(5_000)
  expect(owed(third, ben)).toBe(133)
})

test('terms of an author hold for the periods that begin after them, and nobody sets those of another', async () => {
  const room = await createTrio()
  const { ada, ben, cleo } = room
  await lend(room, ben, cleo, 2000)
  await lend(room, ada, ben, 2000)
  expect(
    await room.finish(ben.ledger.api.setRoyaltyTerms(CHILD, { sharePpm: 0, decayPpm: 0, depth: 0 }).catch(errorCode)),
  ).toBe('BAD_ARGUMENT')
  await room.finish(ada.ledger.api.setRoyaltyTerms(CHILD, { sharePpm: 500_000, decayPpm: 0, depth: 0 }))
  const pay = async (price: number) => {
    const at = 1_790_000_000_000 + room.simulation.clock.now()
    const { receipt, server, asker } = await answer(ben, cleo, price, at)
    await room.finish(Promise.all([ben, cleo].map((member) => member.ledger.accounts.settle(receipt, server, asker))))
    await room.simulation.clock.advance(1_000)
  }
  await pay(100)
  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(20)
  await pay(200)
  expect(await room.finish(ben.ledger.api.settleRoyalties())).toBe(100)
  expect(ada.state().disputes).toEqual([])
})

test('a statement with other shares is disputed, and everyone hears of it', async () => {
  const room = await createTrio()
  const { ada, ben, cleo } = room
  const period = { from: 1_790_000_000_000, to: 1_790_000_000_100 }
  const receipt = await answer(ben, cleo, 1000, period.from)
  const right = computeStatement(ben.identity.publicKey, period, [receipt.receipt], {
    originOf: (id) => genomes.find((genome) => genome.id === id)?.manifest ?? null,
    termsOf: () => [],
    isSameNode: equalBytes,
  })
  if (isRefusal(right)) throw new Error(right.message)
  const [first, second] = right.shares
  if (!first || !second) throw new Error('Two authors have shares.')
  const shares = [
    { ...first, amount: first.amount - 1 },
    { ...second, amount: second.amount + 1 },
  ]
  const statement = encodeObject(ROYALTY_STATEMENT, { ...right, shares })
  const signature = await signObject(ROYALTY_STATEMENT, statement, ben.identity)
  ben.swarm.send(ada.id, 'LEDGER_USAGE', { period, page: 0, receipts: [receipt], more: false })
  ben.swarm.send(ada.id, 'LEDGER_ROYALTY', { statement, signature })
  await room.until(() => [ada, ben, cleo].every(({ state }) => state().disputes.length === 1), 'the dispute')
  for (const { state } of [ada, ben, cleo]) {
    expect(state().disputes[0]).toMatchObject({ claimant: ada.id, against: ben.id, code: 'OTHER_SHARES' })
  }
  expect(toHex(ada.identity.publicKey)).toBe(ada.id)
  expect(ada.state().entries[0]?.kind).toBe('dispute')

  // A person may object to what stands in the log of another, and to nothing that is not there.
  await lend(room, ben, cleo, 5)
  await room.until(() => cleo.state().logs.some(({ author, entries }) => author === ben.id && entries === 1))
  const entry = cleo.state().logs.find(({ author }) => author === ben.id)?.tip ?? ''
  await room.finish(cleo.ledger.api.objectTo(entry, 'I never asked for it.'))
  await room.until(() => [ada, ben, cleo].every(({ state }) => state().disputes.length === 2), 'the objection')
  expect(ben.state().disputes[1]).toMatchObject({
    claimant: cleo.id,
    against: ben.id,
    message: 'I never asked for it.',
  })
  expect(await room.finish(cleo.ledger.api.objectTo('00', '').catch(errorCode))).toBe('BAD_ARGUMENT')
})
