// Rooms whose nodes lend each other credit, pay, hold each other's logs, and find out who signs two.

import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { errorCode } from '#core/errors.ts'
import { readEntry, signHead, startOfLog, writeEntry, type SignedHead } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { CREDIT_GRANT } from '#core/protocol/messages/ledger.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { encodeObject, signObject } from '#core/protocol/signed-object.ts'
import { createTrackedIdentity, ROOM } from '../net/simulation.ts'
import { createLedgerRoom, type LedgerRoom, type Member } from './ledger-room.ts'

/** With whom, by the eyes of a member. */
const lineOf = (member: Member, other: Member) => member.state().lines.find(({ peer }) => peer === other.id)
const tipsOf = (member: Member) =>
  member
    .state()
    .logs.filter(({ entries }) => entries > 0)
    .map(({ author, entries, tip }) => `${author} ${entries} ${tip}`)
    .sort()

async function createTrio() {
  const room = await createLedgerRoom()
  const [ada, ben, cleo] = (await Promise.all([1, 2, 3].map((seed) => room.enter(seed)))) as [Member, Member, Member]
  await room.linked(ada, ben, cleo)
  return { ...room, ada, ben, cleo }
}

const agree = (room: LedgerRoom, ...members: readonly Member[]) =>
  room.until(
    () =>
      members.every(
        (member) => tipsOf(member).length > 0 && tipsOf(member).join() === tipsOf(members[0] as Member).join(),
      ),
    'the same logs everywhere',
  )

describe('credit between two nodes', () => {
  test('is granted, paid by, and never overdrawn; both keep the same books', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    await room.finish(ada.ledger.api.grantCredit(ben.id, 100))
    await room.until(() => lineOf(ben, ada)?.received === 100)
    await room.finish(ben.ledger.api.pay(ada.id, 60))
    expect(await room.finish(ben.ledger.api.pay(ada.id, 41).catch(errorCode))).toBe('PAYMENT_REFUSED')
    await room.finish(ben.ledger.api.pay(ada.id, 40))
    expect(lineOf(ada, ben)).toMatchObject({ granted: 100, received: 0, balance: 100, open: 0 })
    expect(lineOf(ben, ada)).toMatchObject({ granted: 0, received: 100, balance: -100, spendable: 0, open: 0 })
    expect([ada.state().balance, ben.state().balance, cleo.state().balance]).toEqual([100, -100, 0])
    // What is owed is paid back without any credit.
    await room.finish(ada.ledger.api.pay(ben.id, 30))
    expect([ada.state().balance, ben.state().balance]).toEqual([70, -70])
    await agree(room, ada, ben, cleo)
    expect(cleo.state().logs.filter(({ entries }) => entries > 0)).toHaveLength(2)
    expect(ada.state().entries.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['transfer', -30],
      ['transfer', 40],
      ['transfer', 60],
      ['grant', 100],
    ])
    for (const { refusals } of [ada, ben, cleo]) expect(refusals).toEqual([])
  })

  test('outlives both nodes: lines, balances and logs are there at the next visit', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    await room.finish(ada.ledger.api.grantCredit(ben.id, 10))
    await room.until(() => lineOf(ben, ada)?.received === 10)
    await room.finish(ben.ledger.api.pay(ada.id, 4))
    await agree(room, ada, ben, cleo)
    const before = tipsOf(ada)
    for (const member of [ada, ben]) room.leave(member)
    await room.simulation.clock.advance(1_000)
    const [again, too] = [await room.enter(1, ada.records), await room.enter(2, ben.records)]
    expect(tipsOf(again)).toEqual(before)
    expect(lineOf(again, ben)).toMatchObject({ granted: 10, balance: 4 })
    expect(lineOf(too, ada)).toMatchObject({ received: 10, balance: -4, spendable: 6 })
    await room.linked(again, too)
    await room.finish(too.ledger.api.pay(again.id, 6))
    expect(lineOf(again, ben)).toMatchObject({ balance: 10 })
  })
})

describe('an answer with a price', () => {
  test('is paid inside the credit of who asked, once, and stands in the logs of both', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    await room.finish(ben.ledger.api.grantCredit(ada.id, 50))
    await room.until(() => lineOf(ada, ben)?.received === 50)
    expect(ben.ledger.accounts.creditOf(ada.id)).toBe(50)
    const receipt = encodeObject(USAGE_RECEIPT, {
      work: 'answer',
      request: new Uint8Array(16),
      asker: ada.identity.publicKey,
      server: ben.identity.publicKey,
      model: new Uint8Array(32),
      genomes: [],
      usage: { promptTokens: 5, tokens: 7 },
      price: 12,
      transcript: new Uint8Array(32),
      at: 1,
    })
    const [server, asker] = await Promise.all(
      [ben, ada].map(({ identity }) => signObject(USAGE_RECEIPT, receipt, identity)),
    )
    const settle = ({ ledger }: Member) => ledger.accounts.settle(receipt, server as Uint8Array, asker as Uint8Array)
    await room.finish(Promise.all([settle(ada), settle(ben)]))
    await agree(room, ada, ben, cleo)
    const own = ada.state().entries.filter(({ kind }) => kind !== 'grant')
    expect(own.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['transfer', -12],
      ['receipt', -12],
    ])
    expect(lineOf(ben, ada)).toMatchObject({ balance: 12 })
    expect(ben.ledger.accounts.creditOf(ada.id)).toBe(38)
  })
})

describe('logs', () => {
  test('of those who met are the same everywhere after a partition, those of who left among them', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    await room.finish(ada.ledger.api.grantCredit(ben.id, 10))
    await agree(room, ada, ben, cleo)
    room.leave(cleo)
    await room.finish(ben.ledger.api.grantCredit(ada.id, 7))
    await room.until(() => lineOf(ada, ben)?.received === 7)
    for (let amount = 1; amount < 4; amount++) await room.finish(ada.ledger.api.pay(ben.id, amount))
    await agree(room, ada, ben)
    room.leave(ada)
    await room.simulation.clock.advance(1_000)
    const back = await room.enter(3, cleo.records)
    await room.linked(ben, back)
    await agree(room, ben, back)
    expect(
      back
        .state()
        .logs.map(({ entries }) => entries)
        .sort(),
    ).toEqual([4, 4])
  })
})

describe('heads', () => {
  test('are countersigned by those who hold the log', async () => {
    const room = await createTrio()
    const { ada, ben } = room
    await room.finish(ada.ledger.api.grantCredit(ben.id, 1))
    await room.until(() => ada.state().witnesses === 2, 'two witnesses')
    await room.finish(ada.ledger.api.grantCredit(ben.id, 2))
    await room.until(() => ada.state().witnesses === 2, 'two witnesses of the newer head')
    expect(ben.state().witnesses).toBe(0)
  })
})

describe('a node that signs two logs', () => {
  /** A node whose identity writes any number of logs, and shows each neighbour the one that is meant for it. */
  async function enterEve(room: LedgerRoom) {
    const seed = 66
    const swarm = await room.simulation.createNode('Eve', { seed })
    const identity = await createTrackedIdentity(seed)
    const logs = new Map<string, { entries: Uint8Array[]; head: SignedHead }>()
    swarm.handle('PROOF_RANGE_REQUEST', (peer, { request, from }) => {
      const log = logs.get(peer)
      if (log)
        swarm.send(peer, 'PROOF_RANGE', { request, entries: log.entries.slice(from), head: log.head, more: false })
    })
    swarm.join(ROOM)
    return {
      id: swarm.id,
      async show(peer: string, limits: readonly number[]) {
        let point = startOfLog(identity.publicKey)
        const entries: Uint8Array[] = []
        for (const [version, limit] of limits.entries()) {
          const grant = encodeObject(CREDIT_GRANT, {
            creditor: identity.publicKey,
            debtor: fromHex(peer) as Uint8Array,
            limit,
            version,
            expiresAt: null,
            at: 1,
          })
          const entry = writeEntry(point, 'grant', grant, [await signObject(CREDIT_GRANT, grant, identity)], 1)
          const read = readEntry(point, entry)
          if (isRefusal(read)) throw new Error(read.message)
          point = read.point
          entries.push(entry)
        }
        logs.set(peer, { entries, head: await signHead(point, 2, identity) })
        swarm.send(peer, 'PROOF_HEAD', logs.get(peer)?.head as SignedHead)
      },
    }
  }

  test('is found out, and frozen by all', async () => {
    const [one, other] = [
      [1, 2],
      [1, 3, 4, 5],
    ] as const
    const room = await createTrio()
    const { ada, ben, cleo } = room
    const eve = await enterEve(room)
    await room.linked(ada, ben, cleo)
    await room.until(() =>
      [ada, ben, cleo].every(({ swarm }) => swarm.peers().filter(({ link }) => link === 'open').length === 3),
    )
    await eve.show(ada.id, one)
    await room.until(() => ada.state().logs.some(({ author, entries }) => author === eve.id && entries === one.length))
    await eve.show(ben.id, other)
    await room.until(
      () => [ada, ben, cleo].every((member) => member.state().forks.length === 1),
      'the proof everywhere',
    )
    for (const member of [ada, ben, cleo]) {
      expect(member.state().forks[0]?.author).toBe(eve.id)
      expect(member.notices.filter((notice) => notice.includes('two different logs'))).toHaveLength(1)
      expect(await room.finish(member.ledger.api.grantCredit(eve.id, 5).catch(errorCode))).toBe('PEER_REFUSED')
    }
    // What is known of it outlives the visit.
    room.leave(cleo)
    const again = await room.enter(3, cleo.records)
    expect(again.state().forks).toHaveLength(1)
  })

  test('cannot be made up by others', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    await room.finish(ada.ledger.api.grantCredit(ben.id, 1))
    await agree(room, ada, ben, cleo)
    const point = { ...startOfLog(ada.identity.publicKey), sequence: 1, previous: new Uint8Array(32).fill(9) }
    const forged = await signHead(point, 5, { ...ben.identity, publicKey: ada.identity.publicKey })
    const real = await signHead({ ...point, previous: new Uint8Array(32) }, 5, ada.identity)
    ben.swarm.send(cleo.id, 'PROOF_FORK', { first: forged, second: real })
    await room.until(() => ben.refusals.length > 0)
    expect(ben.refusals[0]).toMatchObject({ code: 'SIGNATURE_INVALID', about: 'PROOF_FORK' })
    expect(cleo.state().forks).toEqual([])
  })
})

test('a log of who is a stranger to all is neither taken nor passed on', async () => {
  const room = await createTrio()
  const { ada, ben } = room
  const stranger = await createTrackedIdentity(77)
  const point = { ...startOfLog(stranger.publicKey), sequence: 1, previous: new Uint8Array(32).fill(9) }
  ben.swarm.send(ada.id, 'PROOF_HEAD', await signHead(point, 5, stranger))
  await room.simulation.clock.advance(5_000)
  expect(ada.state().logs.map(({ author }) => author)).not.toContain(toHex(stranger.publicKey))
  expect(ben.refusals).toEqual([])
})

test('pages are given at a rate: a small question has a large answer', async () => {
  const room = await createTrio()
  const { ada, ben } = room
  await room.finish(ada.ledger.api.grantCredit(ben.id, 1))
  const author = ada.identity.publicKey
  for (let request = 0; request < 700; request++) {
    ben.swarm.send(ada.id, 'PROOF_RANGE_REQUEST', { request, author, from: 0, entries: 128 })
    // Within what its class of messages allows.
    if (request % 100 === 99) await room.simulation.clock.advance(1_000)
  }
  await room.until(() =>
    ben.refusals.some(({ code, about }) => code === 'RATE_LIMITED' && about === 'PROOF_RANGE_REQUEST'),
  )
})

describe('entries that were lost here', () => {
  test('come back from others, and until then nothing is put in their place', async () => {
    const room = await createTrio()
    const { ada, ben, cleo } = room
    for (const limit of [1, 2, 3]) await room.finish(ada.ledger.api.grantCredit(ben.id, limit))
    await agree(room, ada, ben, cleo)
    const before = tipsOf(ada)
    room.leave(ada)
    const keys = (await ada.records.keys('ledger')).filter((key) => key.startsWith(`entry/${ada.id}/`))
    for (const key of keys.slice(1)) await ada.records.delete('ledger', key)
    const again = await room.enter(1, ada.records)
    expect(again.state().missing).toBe(2)
    expect(await room.finish(again.ledger.api.grantCredit(ben.id, 9).catch(errorCode))).toBe('SOURCE_CORRUPT')
    await room.linked(again, ben)
    await room.until(() => again.state().missing === 0, 'the entries')
    expect(tipsOf(again)).toEqual(before)
    await room.finish(again.ledger.api.grantCredit(ben.id, 9))
    await agree(room, again, ben, cleo)
    expect(ben.state().forks).toEqual([])
  })
})
