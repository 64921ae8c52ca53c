// Who countersigns a head: chosen by all in the same way, with the whole log at hand, and never two for one place.

import { beforeAll, describe, expect, it } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { proveFork } from '#core/ledger/fork.ts'
import { startOfLog, verifyHead, type LogHead } from '#core/ledger/log.ts'
import { freeze, know, NO_STANDINGS, type Standings } from '#core/ledger/standing.ts'
import {
  chooseWitnesses,
  countWitnesses,
  signWitness,
  verifyWitness,
  WITNESSES_OF_A_LOG,
  witnessRefusal,
  type WitnessView,
} from '#core/ledger/witness.ts'
import { NO_KEY_HISTORY } from '#core/protocol/key-history.ts'
import { flipBit } from '../protocol/frame-tools.ts'
import { accepted, AT, codeOf, copyOf, createPerson, pay, transfer, verify, type Person } from './ledger-tools.ts'

let ada: Person
let ben: Person
let eve: Person
let head: LogHead

beforeAll(async () => {
  ;[ada, ben, eve] = (await Promise.all([1, 2, 3].map(createPerson))) as [Person, Person, Person]
  for (let n = 0; n < 3; n++) await pay(ada, ben, transfer(ada.key, ben.key, 10, n), [ada], AT + n)
  head = accepted(await verifyHead(await ada.head(AT + 3), AT + 3, verify))
})

describe('the witnesses of a log', () => {
  const candidates = Array.from({ length: 30 }, (_, n) => sha256(Uint8Array.of(n)))

  it('are the same for all who know the same nodes, and never its author', () => {
    const chosen = chooseWitnesses(ada.key, candidates)
    expect(chosen).toHaveLength(WITNESSES_OF_A_LOG)
    expect(chooseWitnesses(ada.key, [...candidates].reverse())).toEqual(chosen)
    const [first] = chosen as [Uint8Array]
    expect(chooseWitnesses(first, candidates).map(toHex)).not.toContain(toHex(first))
    expect(chooseWitnesses(ada.key, candidates.slice(0, 2))).toHaveLength(2)
  })

  it('change by one where one leaves, and differ from author to author', () => {
    const chosen = chooseWitnesses(ada.key, candidates)
    const without = chooseWitnesses(
      ada.key,
      candidates.filter((one) => one !== chosen[2]),
    )
    expect(without.filter((one) => chosen.includes(one))).toHaveLength(WITNESSES_OF_A_LOG - 1)
    const all = candidates.flatMap((author) => chooseWitnesses(author, candidates))
    expect(new Set(all.map(toHex)).size).toBeGreaterThan(20)
  })
})

describe('a witness signs', () => {
  const view = (changes: Partial<WitnessView> = {}): WitnessView => ({
    self: ben.key,
    standings: know(NO_STANDINGS, ada.key),
    history: NO_KEY_HISTORY,
    point: ada.log.point,
    last: null,
    ...changes,
  })
  const check = (changes?: Partial<WitnessView>) => codeOf(witnessRefusal(head, view(changes)))

  it('what it read up to the head', () => {
    expect(check()).toBe('accepted')
    expect(check({ last: { sequence: 1, entry: new Uint8Array(32) } })).toBe('accepted')
    expect(check({ point: startOfLog(ada.key) })).toBe('NOT_VERIFIED')
    expect(check({ point: copyOf(ada, 2).log.point })).toBe('NOT_VERIFIED')
    expect(check({ self: ada.key })).toBe('OWN_HEAD')
  })

  it('nothing of nodes it does not know, or that forked', async () => {
    expect(check({ standings: know(NO_STANDINGS, eve.key) })).toBe('AUTHOR_UNKNOWN')
    const other = copyOf(ada, 2)
    await pay(ada, eve, transfer(ada.key, eve.key, 1, 0), [other])
    const proof = proveFork(await ada.head(AT + 3), await other.head(AT + 3), () => [])
    const standings: Standings = freeze(view().standings, proof as NonNullable<typeof proof>)
    expect(check({ standings })).toBe('AUTHOR_FROZEN')
  })

  it('no two heads for one place, and none before the last', () => {
    expect(check({ last: head })).toBe('SEEN_BEFORE')
    expect(check({ last: { sequence: 2, entry: new Uint8Array(32) } })).toBe('SEEN_OTHERWISE')
    expect(check({ last: { sequence: 3, entry: new Uint8Array(32) } })).toBe('SEEN_BEFORE')
  })
})

it('counts the chosen ones that signed this very head, each once', async () => {
  const witness = await signWitness(head, AT + 4, ben.identity)
  const seen = accepted(await verifyWitness(witness, verify))
  expect(seen).toMatchObject({ witness: ben.key, author: ada.key, sequence: 2, entry: head.entry })
  expect(codeOf(await verifyWitness({ ...witness, signature: flipBit(witness.signature, 0) }, verify))).toBe('UNSIGNED')
  expect(codeOf(await verifyWitness({ ...witness, seen: Uint8Array.of(1) }, verify))).toBe('UNSIGNED')
  const chosen = [ben.key, eve.key]
  expect(countWitnesses(head, [seen, { ...seen, at: seen.at + 1 }], chosen)).toBe(1)
  expect(countWitnesses(head, [seen, { ...seen, witness: eve.key }], chosen)).toBe(2)
  expect(countWitnesses(head, [seen, { ...seen, witness: ada.key }], chosen)).toBe(1)
  expect(
    countWitnesses(
      head,
      [
        { ...seen, entry: new Uint8Array(32) },
        { ...seen, sequence: 1 },
      ],
      chosen,
    ),
  ).toBe(0)
})
