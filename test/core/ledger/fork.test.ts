// Forks: whoever signs two logs is proven to have, by anyone to anyone, and is frozen for good; whoever signs one never is.

import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { proveFork, verifyFork, type ForkProof } from '#core/ledger/fork.ts'
import { readEntry, type SignedHead } from '#core/ledger/log.ts'
import { authorRefusal, countedEntries, freeze, know, NO_STANDINGS } from '#core/ledger/standing.ts'
import {
  addRevocation,
  addRotation,
  NO_KEY_HISTORY,
  signRotation,
  type KeyRotation,
} from '#core/protocol/key-history.ts'
import { LOG_HEAD, MAX_FORK_PATH } from '#core/protocol/messages/proof.ts'
import { encodeObject } from '#core/protocol/signed-object.ts'
import { flipBit } from '../protocol/frame-tools.ts'
import { AT, codeOf, copyOf, createPerson, pay, personOf, transfer, verify, type Person } from './ledger-tools.ts'

let ada: Person
let ben: Person
let eve: Person

beforeAll(async () => {
  ben = await createPerson(2)
  eve = await createPerson(3)
})
beforeEach(async () => {
  ada = await createPerson(1)
  for (let n = 0; n < 4; n++) await pay(ada, ben, transfer(ada.key, ben.key, 10, n), [ada], AT + n)
})

const entriesOf = (person: Person) => (from: number, to: number) =>
  person.log.entries.slice(from, to + 1).map(({ bytes }) => bytes)

/** Ada's log up to some entries, and so many others behind them. */
async function otherLog(shared: number, more: number): Promise<Person> {
  const other = copyOf(ada, shared)
  for (let n = 0; n < more; n++) await pay(ada, eve, transfer(ada.key, eve.key, 99, n), [other], AT + 10)
  return other
}

describe('a fork', () => {
  it('is proven by two heads at one place', async () => {
    const other = await otherLog(2, 2)
    const proof = proveFork(await ada.head(AT + 20), await other.head(AT + 20), entriesOf(other)) as ForkProof
    expect(proof).not.toHaveProperty('path')
    expect(await verifyFork(proof, verify)).toEqual({ author: ada.key, sequence: 3 })
  })

  it('is proven by heads at different places and the entries between, whichever came first', async () => {
    for (const more of [3, 2 + MAX_FORK_PATH]) {
      const other = await otherLog(2, more)
      const heads = [await ada.head(AT + 20), await other.head(AT + 20)] as [SignedHead, SignedHead]
      const proof = proveFork(heads[0], heads[1], entriesOf(other)) as ForkProof
      expect(proveFork(heads[1], heads[0], entriesOf(other))).toEqual(proof)
      expect(proof.path).toHaveLength(more - 2)
      expect(await verifyFork(proof, verify)).toEqual({ author: ada.key, sequence: 3 })
    }
    // Further apart they cannot be shown in one message: nothing is said then.
    const far = await otherLog(2, 3 + MAX_FORK_PATH)
    expect(proveFork(await ada.head(AT + 20), await far.head(AT + 20), entriesOf(far))).toBe(null)
  })

  it('is none unless its author signed both heads, and every entry between is shown as it is', async () => {
    const other = await otherLog(2, 4)
    const proof = proveFork(await ada.head(AT + 20), await other.head(AT + 20), entriesOf(other)) as ForkProof
    const [entry] = proof.path as [Uint8Array]
    const bad: Record<string, ForkProof> = {
      unsigned: { ...proof, second: { ...proof.second, signature: flipBit(proof.second.signature, 9) } },
      exchanged: { ...proof, second: { ...proof.second, signature: proof.first.signature } },
      without: { first: proof.first, second: proof.second },
      short: { ...proof, path: (proof.path as Uint8Array[]).slice(1) },
      changed: { ...proof, path: (proof.path as Uint8Array[]).with(0, flipBit(entry, 8 * entry.length - 1)) },
      backward: { ...proof, path: (proof.path as Uint8Array[]).toReversed() },
    }
    const codes = await Promise.all(Object.values(bad).map(async (one) => codeOf(await verifyFork(one, verify))))
    const [unsigned, exchanged, ...shown] = codes
    expect([unsigned, exchanged]).toEqual(['HEAD_UNSIGNED', 'HEAD_UNSIGNED'])
    for (const code of shown) expect(['NO_CONFLICT', 'HEAD_INVALID']).toContain(code)
  })

  it('cannot be made up under a key of small order, whose signatures anyone can make', async () => {
    // The neutral element as a key, R = 1 and S = 0: a lax verifier takes this for any message whatever.
    const key = Uint8Array.of(1, ...new Uint8Array(31))
    const signature = Uint8Array.of(1, ...new Uint8Array(63))
    const head = (entry: number) => ({
      head: encodeObject(LOG_HEAD, { author: key, sequence: 0, entry: new Uint8Array(32).fill(entry), at: AT }),
      signature,
    })
    expect(codeOf(await verifyFork({ first: head(1), second: head(2) }, verify))).toBe('HEAD_UNSIGNED')
  })
})

describe('an honest node', () => {
  /** What anyone can make of all heads that a node ever signed. */
  const accusations = (heads: readonly SignedHead[], person: Person) =>
    heads
      .flatMap((one) => heads.map((other) => proveFork(one, other, entriesOf(person))))
      .filter((proof) => proof !== null)

  it('signs its head as often as it likes, at any time', async () => {
    const heads = [await ada.head(AT + 5), await ada.head(AT + 6), await ada.head(AT + 6)]
    await pay(ada, ben, transfer(ada.key, ben.key, 10, 4), [ada], AT + 7)
    heads.push(await ada.head(AT + 8), await ada.head(AT + 9))
    expect(accusations(heads, ada)).toEqual([])
  })

  it('is not accused for a crash: it reads its log again, and a torn last entry had no head', async () => {
    const heads = [await ada.head(AT + 5)]
    // The fifth entry is torn on its way to the disk, so no head of it was signed.
    await pay(ada, ben, transfer(ada.key, ben.key, 10, 4), [ada], AT + 6)
    const stored = ada.log.entries.map(({ bytes }, i) => (i === 4 ? bytes.slice(0, 100) : bytes))
    const after = personOf(ada.identity)
    for (const bytes of stored) {
      const result = readEntry(after.log.point, bytes)
      if (!('entry' in result)) break
      after.log.entries.push(result.entry)
      after.log.point = result.point
    }
    expect(after.log.entries).toHaveLength(4)
    await pay(ada, ben, transfer(ada.key, ben.key, 10, 5), [after], AT + 7)
    heads.push(await after.head(AT + 8))
    expect(accusations(heads, after)).toEqual([])
    // Had a head been signed first, the same crash would have made a fork: that is why storing comes before signing.
    const early = [...heads, await ada.head(AT + 6)]
    expect(accusations(early, after)).not.toEqual([])
  })

  it('is not accused for going on under another key, nor for replaying its log to others', async () => {
    const { rotation, signature, successor } = await signRotation(ada.identity, eve.identity, 1, AT + 20)
    const heads = [await ada.head(AT + 5)]
    ada.write('rotation', rotation, [signature, successor], AT + 20)
    heads.push(await ada.head(AT + 20))
    const next = personOf(eve.identity)
    next.write('rotation', rotation, [signature, successor], AT + 20)
    heads.push(await next.head(AT + 20), await copyOf(ada).head(AT + 30), await copyOf(next).head(AT + 30))
    expect(accusations(heads, ada)).toEqual([])
    expect(accusations(heads, next)).toEqual([])
  })
})

describe('standing', () => {
  const rotation = (from: Uint8Array, to: Uint8Array, at = AT): KeyRotation => ({ from, to, generation: 1, at })

  it('lets in those whom this node knows, and nobody else', () => {
    const standings = know(NO_STANDINGS, ada.key)
    expect(codeOf(authorRefusal(standings, NO_KEY_HISTORY, ada.key))).toBe('accepted')
    expect(codeOf(authorRefusal(standings, NO_KEY_HISTORY, eve.key))).toBe('AUTHOR_UNKNOWN')
    // Who goes on under another key is known by it.
    const history = addRotation(NO_KEY_HISTORY, rotation(ada.key, eve.key))
    expect(codeOf(authorRefusal(standings, history, eve.key))).toBe('accepted')
    expect(codeOf(authorRefusal(standings, history, ben.key))).toBe('AUTHOR_UNKNOWN')
  })

  it('ends with a fork, for every key of the one who forked', async () => {
    const other = await otherLog(3, 1)
    const proof = proveFork(await ada.head(AT + 20), await other.head(AT + 20), entriesOf(other)) as ForkProof
    const standings = freeze([ada, ben].map(({ key }) => key).reduce(know, NO_STANDINGS), proof)
    const history = addRotation(NO_KEY_HISTORY, rotation(ada.key, eve.key))
    expect(freeze(standings, proof)).toBe(standings)
    expect(codeOf(authorRefusal(standings, NO_KEY_HISTORY, ada.key))).toBe('AUTHOR_FROZEN')
    expect(codeOf(authorRefusal(standings, history, eve.key))).toBe('AUTHOR_FROZEN')
    expect(codeOf(authorRefusal(standings, history, ben.key))).toBe('accepted')
    expect(countedEntries(standings, history, ada.key, ada.log.entries)).toEqual([])
  })

  it('leaves of a retired key what it wrote before', async () => {
    const count = (history = NO_KEY_HISTORY) =>
      countedEntries(NO_STANDINGS, history, ada.key, ada.log.entries).map(({ sequence }) => sequence)
    const revoke = (at: number) =>
      addRevocation(NO_KEY_HISTORY, { key: ada.key, by: ada.key, successor: null, why: 'compromised', at })
    expect(count()).toEqual([0, 1, 2, 3])
    expect(count(revoke(AT + 2))).toEqual([0, 1])
    expect(count(addRotation(NO_KEY_HISTORY, rotation(ada.key, eve.key, AT + 3)))).toEqual([0, 1, 2])
    const moved = await signRotation(ada.identity, eve.identity, 1, AT + 4)
    ada.write('rotation', moved.rotation, [moved.signature, moved.successor], AT + 4)
    expect(count(addRotation(NO_KEY_HISTORY, rotation(ada.key, eve.key, AT + 4)))).toEqual([0, 1, 2, 3, 4])
  })
})
