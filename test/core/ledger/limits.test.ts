// What bilateral credit cannot stop, each with the attack that shows it: docs/ledger.md tells of every one.

import { beforeAll, expect, it } from 'vitest'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { balanceBetween, type Party } from '#core/ledger/balance.ts'
import {
  decideTransfer,
  expireTransfers,
  openCreditLine,
  proposeTransfer,
  spendable,
  takeGrant,
  type CreditLine,
} from '#core/ledger/credit-line.ts'
import { proveFork, verifyFork, type ForkProof } from '#core/ledger/fork.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { computeStatement, duesOf, verifyStatement, type RoyaltyKnowledge } from '#core/ledger/royalties.ts'
import { authorRefusal, countedEntries, freeze, know, NO_STANDINGS } from '#core/ledger/standing.ts'
import { addRevocation, addRotation, NO_KEY_HISTORY } from '#core/protocol/key-history.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { ROYALTY_STATEMENT, ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import { encodeObject } from '#core/protocol/signed-object.ts'
import {
  accepted,
  AT,
  codeOf,
  copyOf,
  createPerson,
  grant,
  pay,
  transfer,
  verify,
  type Person,
} from './ledger-tools.ts'

let ada: Person
let ben: Person
let eve: Person

beforeAll(async () => {
  ;[ada, ben, eve] = (await Promise.all([1, 2, 3].map(createPerson))) as [Person, Person, Person]
})

const party = (person: Person): Party => ({ keys: [toHex(person.key)], entries: person.log.entries })
const receiptOf = (server: Uint8Array, asker: Uint8Array, request: number) =>
  encodeObject(USAGE_RECEIPT, {
    work: 'answer',
    request: new Uint8Array(16).fill(request),
    asker,
    server,
    model: new Uint8Array(32),
    genomes: [new Uint8Array(32).fill(7)],
    usage: { promptTokens: 1, tokens: 10 },
    price: 1000,
    transcript: new Uint8Array(32),
    at: AT,
  })
const lend = (creditor: Uint8Array, debtor: Uint8Array, limit: number): CreditLine =>
  accepted(takeGrant(openCreditLine(creditor, debtor), grant(creditor, debtor, limit)))
/** What a debtor gets out of a creditor that lends it so much, by asking until it is refused. */
function drain(creditor: Uint8Array, debtor: Uint8Array, limit: number): number {
  let line = lend(creditor, debtor, limit)
  for (let n = 0; ; n++) {
    const decision = decideTransfer(line, transfer(debtor, creditor, 10, n), AT)
    if (isRefusal(decision) || decision.outcome === 'abort') return line.balance
    line = decision.line
  }
}

it('a debtor takes all that it was lent and leaves: everyone loses its own grant, and no more', () => {
  const creditors = Array.from({ length: 20 }, (_, n) => new Uint8Array(32).fill(100 + n))
  const losses = creditors.map((creditor, n) => drain(creditor, eve.key, 50 * n))
  expect(losses).toEqual(creditors.map((_, n) => 50 * n))
})

it('one person with many keys takes what is lent to each: who lends to strangers lends to all of them', () => {
  const keys = Array.from({ length: 30 }, (_, n) => sha256(Uint8Array.of(n)))
  expect(keys.reduce((sum, key) => sum + drain(ada.key, key, 50), 0)).toBe(30 * 50)
})

it('a payee neither signs nor refuses: the payer’s credit waits until the payee’s log shows a later time', () => {
  const line = accepted(takeGrant(openCreditLine(ada.key, ben.key), grant(ben.key, ada.key, 100)))
  const order = { id: new Uint8Array(16), amount: 100, purpose: 'answer', reference: null } as const
  const { line: waiting } = accepted(proposeTransfer(line, order, AT, 60_000))
  const year = AT + 365 * 86_400_000
  expect(spendable(waiting, year)).toBe(0)
  const silent = expireTransfers(waiting, { author: ben.key, at: AT, closed: false }, () => false)
  expect(spendable(silent.line, year)).toBe(0)
  const later = expireTransfers(waiting, { author: ben.key, at: AT + 60_000, closed: false }, () => false)
  expect(spendable(later.line, year)).toBe(100)
})

it('two who work together sign for work that nobody did: it costs them nothing, and nobody else either', async () => {
  const receipt = receiptOf(eve.key, ben.key, 1)
  // The genome they “used” comes of one by Ben.
  const knowledge: RoyaltyKnowledge = {
    originOf: () => ({ author: ben.key, parents: [] }),
    termsOf: () => [],
    isSameNode: equalBytes,
  }
  const statement = accepted(computeStatement(eve.key, { from: AT, to: AT + 1 }, [receipt], knowledge))
  const bytes = encodeObject(ROYALTY_STATEMENT, statement)
  const signed = { statement: bytes, signature: await eve.sign(ROYALTY_STATEMENT, bytes) }
  const receipts = [
    { receipt, server: await eve.sign(USAGE_RECEIPT, receipt), asker: await ben.sign(USAGE_RECEIPT, receipt) },
  ]
  expect(codeOf(await verifyStatement(signed, receipts, knowledge, verify))).toBe('accepted')
  // It looks like use, and is owed by Eve to Ben: nobody else is part of it.
  expect(duesOf(statement, equalBytes)).toEqual(new Map([[toHex(ben.key), 200]]))
  await pay(eve, ben, transfer(eve.key, ben.key, 200, 0))
  expect(balanceBetween(party(ben), party(eve))).toBe(200n)
  expect(balanceBetween(party(ada), party(ben))).toBe(0n)
  expect(balanceBetween(party(ada), party(eve))).toBe(0n)
})

it('a server leaves receipts out of its statement: only their askers can show it', async () => {
  const knowledge: RoyaltyKnowledge = {
    originOf: () => ({ author: ben.key, parents: [] }),
    termsOf: () => [],
    isSameNode: equalBytes,
  }
  const all = await Promise.all(
    [1, 2].map(async (n) => {
      const receipt = receiptOf(eve.key, ada.key, n)
      return { receipt, server: await eve.sign(USAGE_RECEIPT, receipt), asker: await ada.sign(USAGE_RECEIPT, receipt) }
    }),
  )
  const shown = all.slice(1)
  const statement = accepted(
    computeStatement(
      eve.key,
      { from: AT, to: AT + 1 },
      shown.map(({ receipt }) => receipt),
      knowledge,
    ),
  )
  const bytes = encodeObject(ROYALTY_STATEMENT, statement)
  const signed = { statement: bytes, signature: await eve.sign(ROYALTY_STATEMENT, bytes) }
  // To whoever has only what the server shows, it adds up.
  expect(codeOf(await verifyStatement(signed, shown, knowledge, verify))).toBe('accepted')
  expect(codeOf(await verifyStatement(signed, all, knowledge, verify))).toBe('OTHER_RECEIPTS')
})

it('a thief of a key that was replaced ends the account: it cannot use it, and its owner cannot prove who signed', async () => {
  await pay(ada, ben, transfer(ada.key, ben.key, 10, 0))
  const thief = copyOf(ada, 0)
  await pay(ada, eve, transfer(ada.key, eve.key, 99, 0), [thief])
  const proof = proveFork(await ada.head(AT), await thief.head(AT), () => []) as ForkProof
  expect(codeOf(await verifyFork(proof, verify))).toBe('accepted')
  const successor = new Uint8Array(32).fill(9)
  const history = addRotation(NO_KEY_HISTORY, { from: ada.key, to: successor, generation: 1, at: AT - 1 })
  expect(codeOf(authorRefusal(freeze(know(NO_STANDINGS, ada.key), proof), history, successor))).toBe('AUTHOR_FROZEN')
})

it('an author’s terms give its genome’s ancestors nothing: the statement shows by which terms', () => {
  const [genome, parent] = [7, 6].map((name) => new Uint8Array(32).fill(name)) as [Uint8Array, Uint8Array]
  const rule = { sharePpm: 1_000_000, decayPpm: 0, depth: 0, at: AT }
  const terms = encodeObject(ROYALTY_TERMS, { genome, author: eve.key, ...rule })
  const knowledge: RoyaltyKnowledge = {
    originOf: (id) =>
      id === toHex(genome) ? { author: eve.key, parents: [toHex(parent)] } : { author: ben.key, parents: [] },
    termsOf: () => [terms],
    isSameNode: equalBytes,
  }
  const statement = accepted(
    computeStatement(ada.key, { from: AT, to: AT + 1 }, [receiptOf(ada.key, eve.key, 1)], knowledge),
  )
  expect(duesOf(statement, equalBytes)).toEqual(new Map([[toHex(eve.key), 1000]]))
  expect(statement.pools).toEqual([{ genome, terms: sha256(terms), amount: 1000 }])
})

it('a thief of a key spends what others lend to it until they hear of it, and its owner’s account owes that', async () => {
  const [owner, lender] = (await Promise.all([4, 5].map(createPerson))) as [Person, Person]
  expect(drain(lender.key, owner.key, 50)).toBe(50)
  await pay(owner, lender, transfer(owner.key, lender.key, 50, 0))
  const revocation = { key: owner.key, by: owner.key, successor: null, why: 'compromised', at: AT } as const
  const history = addRevocation(NO_KEY_HISTORY, revocation)
  const counted = { ...party(owner), entries: countedEntries(NO_STANDINGS, history, owner.key, owner.log.entries) }
  expect(counted.entries).toEqual([])
  expect(balanceBetween(party(lender), counted)).toBe(50n)
})
