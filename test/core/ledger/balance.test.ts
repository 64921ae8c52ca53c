// What two nodes owe each other by their logs: the same for everyone who holds them, whatever is missing, doubled or
// contradicted by one of the two.

import { beforeAll, beforeEach, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { balanceBetween, countedTransfers, type Party } from '#core/ledger/balance.ts'
import { countedEntries, NO_STANDINGS } from '#core/ledger/standing.ts'
import { addRotation, keysOf, NO_KEY_HISTORY, type KeyHistory } from '#core/protocol/key-history.ts'
import { AT, createPerson, pay, personOf, transfer, writeAbort, type Person } from './ledger-tools.ts'

const LATER = AT + 60_000
let ada: Person
let ben: Person
let eve: Person

beforeAll(async () => {
  eve = await createPerson(3)
})
beforeEach(async () => {
  ada = await createPerson(1)
  ben = await createPerson(2)
})

const party = (...logs: Person[]): Party => ({
  keys: logs.map(({ key }) => toHex(key)),
  entries: logs.flatMap(({ log }) => log.entries),
})
/** What Ada owes Ben. */
const owed = (adasLogs = [ada], bensLogs = [ben]) => balanceBetween(party(...bensLogs), party(...adasLogs))

it('is the sum of what both signed, whichever of the two logs has it', async () => {
  await pay(ada, ben, transfer(ada.key, ben.key, 30, 0))
  await pay(ada, ben, transfer(ada.key, ben.key, 5, 1), [ada])
  await pay(ada, ben, transfer(ada.key, ben.key, 7, 2), [ben])
  await pay(ben, ada, transfer(ben.key, ada.key, 100, 0))
  expect(owed()).toBe(42n - 100n)
  expect(balanceBetween(party(ada), party(ben))).toBe(100n - 42n)
  expect(owed([ada], [])).toBe(0n)
  // Written down twice it is still one.
  await pay(ada, ben, transfer(ada.key, ben.key, 30, 0))
  expect(owed()).toBe(-58n)
})

it('does not count what the payee signed too late, unless the payer wrote it down', async () => {
  const late = transfer(ada.key, ben.key, 10, 0)
  await pay(ada, ben, late, [ben], LATER)
  expect(owed()).toBe(0n)
  await pay(ada, ben, late, [ada], LATER + 1)
  expect(owed()).toBe(10n)
})

it('goes by what the payer wrote down first of an abort and a signature', async () => {
  const first = transfer(ada.key, ben.key, 10, 0)
  const second = transfer(ada.key, ben.key, 20, 1)
  await writeAbort(ada, ben, first, ada)
  // The payee signs what it had signed to refuse.
  await pay(ada, ben, first, [ben])
  expect(owed()).toBe(0n)
  await pay(ada, ben, first, [ada])
  expect(owed()).toBe(0n)
  // The payee signs to refuse what it had signed, which takes nothing back.
  await pay(ada, ben, second)
  await writeAbort(ada, ben, second, ada)
  expect(owed()).toBe(20n)
  const third = transfer(ada.key, ben.key, 40, 2)
  await writeAbort(ada, ben, third, ben)
  await pay(ada, ben, third)
  expect(owed()).toBe(60n)
})

it('takes an abort from the payee alone', async () => {
  const bytes = transfer(ada.key, ben.key, 10, 0)
  await pay(ada, ben, bytes, [ben])
  // Ada has somebody else sign that it refuses, under the name of the payee of Ben’s transfer.
  await writeAbort(ada, eve, bytes, ada)
  expect(owed()).toBe(10n)
})

it('counts one transfer at a sequence, the same one for all, should two cheats sign more', async () => {
  const both = [10, 20].map((amount) => transfer(ada.key, ben.key, amount, 0)) as [Uint8Array, Uint8Array]
  await pay(ada, ben, both[0], [ada])
  await pay(ada, ben, both[1], [ben])
  const one = owed()
  expect([10n, 20n]).toContain(one)
  const again = [await createPerson(1), await createPerson(2)] as const
  await pay(ada, ben, both[1], [again[0]])
  await pay(ada, ben, both[0], [again[1]])
  expect(owed([again[0]], [again[1]])).toBe(one)
  // From the other to the one, sequences count apart.
  await pay(ben, ada, transfer(ben.key, ada.key, 1, 0))
  expect(owed()).toBe(one - 1n)
})

it('follows both to other keys', async () => {
  const next = personOf(eve.identity)
  const history: KeyHistory = addRotation(NO_KEY_HISTORY, { from: ada.key, to: next.key, generation: 1, at: AT + 5 })
  expect(keysOf(history, next.key)).toEqual([ada.key, next.key])
  expect(keysOf(history, ada.key)).toEqual([ada.key, next.key])
  expect(keysOf(history, ben.key)).toEqual([ben.key])
  await pay(ada, ben, transfer(ada.key, ben.key, 10, 0))
  await pay(next, ben, transfer(next.key, ben.key, 20, 0))
  // The old key’s log is used further, by a thief or by mistake.
  await pay(ada, ben, transfer(ada.key, ben.key, 400, 1), [ada], AT + 6)
  const logs = [ada, next].map((person): Person => {
    const entries = [...countedEntries(NO_STANDINGS, history, person.key, person.log.entries)]
    return { ...person, log: { ...person.log, entries } }
  })
  expect(owed(logs)).toBe(30n)
})

it('lists what counts in one order', async () => {
  for (let n = 0; n < 5; n++) await pay(ada, ben, transfer(ada.key, ben.key, n + 1, n), [n % 2 === 0 ? ada : ben])
  const [one, other] = [countedTransfers(party(ada), party(ben)), countedTransfers(party(ada), party(ben, eve))]
  expect(one).toEqual(other)
  expect(one.map(({ transfer: { amount } }) => amount).sort()).toEqual([1, 2, 3, 4, 5])
})
