// What lineages earn: worked numbers, exact sums, and statements that anyone can compute again.

import { beforeAll, describe, expect, it } from 'vitest'
import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import {
  computeStatement,
  duesOf,
  isSignedByBoth,
  verifyStatement,
  type GenomeOrigin,
  type RoyaltyKnowledge,
  type RoyaltyStatement,
  type SignedReceipt,
} from '#core/ledger/royalties.ts'
import { generationsOf, splitByWeights, splitOverLineage } from '#core/ledger/royalty-split.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { ROYALTY_STATEMENT, ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import { encodeObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import { flipBit } from '../protocol/frame-tools.ts'
import { accepted, AT, codeOf, createPerson, verify, type Person } from './ledger-tools.ts'

const id = (name: number) => new Uint8Array(32).fill(name)
const hex = (name: number) => toHex(id(name))
const PERIOD = { from: AT, to: AT + 1000 }
const LARGEST = Number.MAX_SAFE_INTEGER

let server: Person
let asker: Person

beforeAll(async () => {
  ;[server, asker] = (await Promise.all([1, 2].map(createPerson))) as [Person, Person]
})

/** Genome 5 comes of 4 and 3, 4 of 2, 3 of 2, 2 of 1: a diamond. The author of genome n is key 100 + n. */
const PARENTS = new Map([
  [5, [4, 3]],
  [4, [2]],
  [3, [2]],
  [2, [1]],
  [1, []],
])
const originOf = (without: readonly number[] = []) => {
  const origins = new Map(
    [...PARENTS].map(([name, parents]): [string, GenomeOrigin] => [
      hex(name),
      { author: id(100 + name), parents: parents.map(hex) },
    ]),
  )
  return (genome: string) => (without.some((name) => hex(name) === genome) ? null : (origins.get(genome) ?? null))
}
const terms = (genome: number, changes: Partial<ObjectOf<typeof ROYALTY_TERMS>> = {}) =>
  encodeObject(ROYALTY_TERMS, {
    genome: id(genome),
    author: id(100 + genome),
    sharePpm: 500_000,
    decayPpm: 500_000,
    depth: 3,
    at: AT,
    ...changes,
  })
const knowledge = (known: readonly Uint8Array[] = [], without: readonly number[] = []): RoyaltyKnowledge => ({
  originOf: originOf(without),
  termsOf: () => known,
  isSameNode: equalBytes,
})
const receipt = (
  price: number,
  genomes: readonly number[],
  request = 1,
  changes: Partial<ObjectOf<typeof USAGE_RECEIPT>> = {},
) =>
  encodeObject(USAGE_RECEIPT, {
    work: 'answer',
    request: new Uint8Array(16).fill(request),
    asker: asker.key,
    server: server.key,
    model: id(9),
    genomes: genomes.map(id),
    usage: { promptTokens: 5, tokens: 20 },
    price,
    transcript: id(8),
    at: AT + 5,
    ...changes,
  })
const compute = (receipts: readonly Uint8Array[], known?: readonly Uint8Array[], without?: readonly number[]) =>
  accepted(computeStatement(server.key, PERIOD, receipts, knowledge(known, without)))
const sharesOf = ({ shares }: RoyaltyStatement) =>
  Object.fromEntries(shares.map(({ genome, amount }) => [genome[0] as number, amount]))

describe('an amount', () => {
  it('is split by weights to the last one: the largest remainders first, then those that stand first', () => {
    expect(splitByWeights(10n, [1n, 1n, 1n])).toEqual([4n, 3n, 3n])
    expect(splitByWeights(10n, [5n, 3n, 1n])).toEqual([6n, 3n, 1n])
    expect(splitByWeights(2n, [1n, 1n, 1n])).toEqual([1n, 1n, 0n])
    expect(splitByWeights(0n, [1n, 2n])).toEqual([0n, 0n])
    expect(splitByWeights(7n, [0n, 1n])).toEqual([0n, 7n])
    expect(splitByWeights(10n ** 40n, [1n, 2n])).toEqual([10n ** 40n / 3n, 10n ** 40n - 10n ** 40n / 3n])
  })

  it('goes over a lineage by generations, each ancestor where it is nearest', () => {
    const parentsOf = (genome: string) => originOf()(genome)?.parents ?? null
    expect(generationsOf(hex(5), 3, parentsOf)).toEqual([[hex(5)], [hex(3), hex(4)], [hex(2)], [hex(1)]])
    expect(generationsOf(hex(5), 1, parentsOf)).toEqual([[hex(5)], [hex(3), hex(4)]])
    expect(generationsOf(hex(5), 0, parentsOf)).toEqual([[hex(5)]])
    // A genome that is both parent and grandparent is a parent.
    const both = (genome: string) => (genome === hex(5) ? [hex(2), hex(4)] : parentsOf(genome))
    expect(generationsOf(hex(5), 3, both)).toEqual([[hex(5)], [hex(2), hex(4)], [hex(1)]])
    // 15 to 8, 4, 2 and 1; the two parents share theirs.
    const shares = splitOverLineage(15n, generationsOf(hex(5), 3, parentsOf), 500_000)
    expect(shares.map(({ amount }) => amount)).toEqual([8n, 2n, 2n, 2n, 1n])
    expect(splitOverLineage(15n, [[hex(5)], [hex(4)]], 0).map(({ amount }) => amount)).toEqual([15n, 0n])
    expect(splitOverLineage(15n, [[hex(5)], [hex(3), hex(4)]], 1_000_000).map(({ amount }) => amount)).toEqual([
      8n,
      4n,
      3n,
    ])
  })

  it('takes no more generations than a statement has room for', () => {
    const many = (genome: string) =>
      Array.from({ length: 64 }, (_, n) => toHex(sha256(fromHex(genome) as Uint8Array, Uint8Array.of(n))))
    expect(generationsOf(hex(5), 64, many).map((generation) => generation.length)).toEqual([1, 64])
  })
})

describe('a statement', () => {
  it('is the numbers of docs/ledger.md', () => {
    const statement = compute([receipt(1000, [5])], [terms(5)])
    expect(statement.total).toBe(500)
    expect(sharesOf(statement)).toEqual({ 5: 267, 4: 66, 3: 67, 2: 67, 1: 33 })
    const usual = compute([receipt(1000, [5])])
    expect(sharesOf(usual)).toEqual({ 5: 107, 4: 26, 3: 27, 2: 27, 1: 13 })
    expect(usual.pools).toEqual([{ genome: id(5), terms: null, amount: 200 }])
  })

  it('divides a price among the genomes that were switched on, each once', () => {
    const statement = compute([receipt(100, [1, 2, 2])], [terms(1), terms(2)])
    expect(statement.pools.map(({ amount }) => amount)).toEqual([25, 25])
    expect(sharesOf(statement)).toEqual({ 1: 25 + 8, 2: 17 })
    // Thirds of a CEN add up over receipts before anything is rounded.
    const thirds = [1, 2, 3].map((n) => receipt(2, [1, 2, 3], n))
    expect(
      compute(
        thirds,
        [1, 2, 3].map((n) => terms(n)),
      ).pools.map(({ amount }) => amount),
    ).toEqual([1, 1, 1])
    expect(sharesOf(compute([receipt(0, [5]), receipt(7, [])]))).toEqual({})
  })

  it('does not depend on the order of receipts, nor on one that comes twice', () => {
    const receipts = [receipt(100, [5], 1), receipt(33, [4, 2], 2), receipt(7, [1], 3)]
    expect(compute([...receipts].reverse())).toEqual(compute(receipts))
    expect(compute([...receipts, ...receipts])).toEqual(compute(receipts))
  })

  it('pays merges as it pays answers', () => {
    expect(sharesOf(compute([receipt(100, [4, 3], 1, { work: 'merge' })]))).toEqual({ 4: 6, 3: 6, 2: 6, 1: 2 })
  })

  it('holds the largest numbers, and refuses larger sums', () => {
    const all = terms(5, { sharePpm: 1_000_000, depth: 64, decayPpm: 999_999 })
    const statement = compute([receipt(LARGEST, [5])], [all])
    expect(statement.total).toBe(LARGEST)
    expect(statement.shares.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(BigInt(LARGEST))
    const two = [receipt(LARGEST, [5], 1), receipt(1, [5], 2)]
    expect(codeOf(computeStatement(server.key, PERIOD, two, knowledge([all])))).toBe('AMOUNT_TOO_LARGE')
  })

  it('is of one payer and one period, with room for so many genomes', () => {
    const check = (changes: Partial<ObjectOf<typeof USAGE_RECEIPT>>) =>
      codeOf(computeStatement(server.key, PERIOD, [receipt(1, [5], 1, changes)], knowledge()))
    expect(check({ at: AT + 999 })).toBe('accepted')
    for (const at of [AT - 1, AT + 1000]) expect(check({ at })).toBe('RECEIPT_INVALID')
    expect(check({ server: asker.key, asker: server.key })).toBe('WRONG_PARTY')
    const many = Array.from({ length: 9 }, (_, n) =>
      receipt(
        1,
        Array.from({ length: 16 }, (_, i) => 20 + 16 * n + i),
        n,
      ),
    )
    expect(codeOf(computeStatement(server.key, PERIOD, many, knowledge()))).toBe('TOO_MANY_SHARES')
  })

  it('goes by the latest terms of the genome’s author that the period began with', () => {
    const pool = (...known: Uint8Array[]) => compute([receipt(1000, [5])], known).total
    expect(pool(terms(5, { sharePpm: 100_000, at: AT - 1 }), terms(5))).toBe(500)
    expect(pool(terms(5), terms(5, { sharePpm: 100_000, at: AT + 1 }))).toBe(500)
    expect(pool(terms(5, { author: id(77), at: AT }), terms(4))).toBe(200)
    expect(pool(terms(5), terms(5, { depth: 2 }))).toBe(pool(terms(5, { depth: 2 }), terms(5)))
  })

  it('follows payer and author to other keys', () => {
    const moved = { ...knowledge([terms(5, { author: id(77) })]), isSameNode: () => true }
    const receipts = [receipt(1000, [5], 1), receipt(1000, [5], 2, { server: id(78) })]
    const statement = accepted(computeStatement(server.key, PERIOD, receipts, moved))
    expect(statement.total).toBe(1000)
    expect(duesOf(statement, moved.isSameNode)).toEqual(new Map())
  })

  it('keeps the share of a genome whose manifest is missing for its author', () => {
    const statement = compute([receipt(1000, [5])], [terms(5)], [3])
    expect(sharesOf(statement)).toEqual({ 5: 267, 4: 66, 3: 67, 2: 67, 1: 33 })
    expect(statement.shares.map(({ author }) => author)).toEqual([id(101), id(102), null, id(104), id(105)])
    // What lies behind it is not known: without 2 there is no 1.
    const cut = compute([receipt(1000, [5])], [terms(5)], [2])
    expect(sharesOf(cut)).toEqual({ 5: 286, 4: 71, 3: 72, 2: 71 })
    const unknown = compute([receipt(1000, [6])])
    expect(unknown.shares).toEqual([{ genome: id(6), author: null, amount: 200 }])
  })

  it('says what its payer owes to others', () => {
    const statement = compute([receipt(1000, [5])], [terms(5)], [3])
    expect(duesOf(statement, equalBytes)).toEqual(
      new Map([1, 2, 4, 5].map((n) => [hex(100 + n), sharesOf(statement)[n]])),
    )
    expect(duesOf({ ...statement, payer: id(105) }, equalBytes).has(hex(105))).toBe(false)
  })
})

describe('a reader', () => {
  const sign = async (bytes: Uint8Array): Promise<SignedReceipt> => ({
    receipt: bytes,
    server: await server.sign(USAGE_RECEIPT, bytes),
    asker: await asker.sign(USAGE_RECEIPT, bytes),
  })
  const state = async (statement: RoyaltyStatement) => {
    const bytes = encodeObject(ROYALTY_STATEMENT, statement)
    return { statement: bytes, signature: await server.sign(ROYALTY_STATEMENT, bytes) }
  }
  let receipts: SignedReceipt[]
  let statement: RoyaltyStatement

  beforeAll(async () => {
    receipts = await Promise.all([sign(receipt(1000, [5], 1)), sign(receipt(30, [4, 1], 2))])
    statement = compute(
      receipts.map((one) => one.receipt),
      [terms(5)],
    )
  })
  const check = async (changed: RoyaltyStatement, known = knowledge([terms(5)]), over = receipts) =>
    codeOf(await verifyStatement(await state(changed), over, known, verify))

  it('computes the same', async () => {
    expect(await check(statement)).toBe('accepted')
    expect(await check(statement, undefined, [...receipts].reverse())).toBe('accepted')
    expect(await isSignedByBoth(receipts[0] as SignedReceipt, verify)).toBe(true)
  })

  it('finds shares, sums and pools that are not right', async () => {
    const [first, ...rest] = statement.shares as [RoyaltyStatement['shares'][number]]
    expect(await check({ ...statement, shares: [{ ...first, amount: first.amount - 1 }, ...rest] })).toBe(
      'OTHER_SHARES',
    )
    expect(await check({ ...statement, shares: rest })).toBe('OTHER_SHARES')
    expect(await check({ ...statement, shares: [{ ...first, author: server.key }, ...rest] })).toBe('OTHER_SHARES')
    expect(await check({ ...statement, total: statement.total - 1 })).toBe('OTHER_SHARES')
    expect(await check({ ...statement, pools: statement.pools.slice(1) })).toBe('OTHER_SHARES')
    expect(await check({ ...statement, receipts: id(7) })).toBe('OTHER_RECEIPTS')
    expect(await check(statement, undefined, receipts.slice(1))).toBe('OTHER_RECEIPTS')
    expect(await check({ ...statement, period: { from: AT, to: AT + 2 } })).toBe('RECEIPT_INVALID')
  })

  it('wants both signatures under a receipt, and the payer’s under the statement', async () => {
    const [first, second] = receipts as [SignedReceipt, SignedReceipt]
    const forged = { ...first, asker: flipBit(first.asker, 4) }
    expect(await check(statement, undefined, [forged, second])).toBe('RECEIPT_INVALID')
    const { statement: bytes, signature } = await state(statement)
    const unsigned = { statement: bytes, signature: flipBit(signature, 4) }
    expect(codeOf(await verifyStatement(unsigned, receipts, knowledge(), verify))).toBe('UNSIGNED')
    const noObject = { statement: bytes.subarray(1), signature }
    expect(codeOf(await verifyStatement(noObject, receipts, knowledge(), verify))).toBe('STATEMENT_INVALID')
  })

  it('accuses nobody for knowing other things', async () => {
    expect(await check(statement, knowledge([]))).toBe('TERMS_UNKNOWN')
    expect(await check(statement, knowledge([terms(5)], [1]))).toBe('LINEAGE_UNKNOWN')
    expect(await check(statement, knowledge([terms(5, { at: AT - 1 }), terms(5), terms(4)]))).toBe('OTHER_TERMS')
  })

  it('computes the same where the payer lacks a manifest and the share is nothing', async () => {
    // Three generations share one CEN, which goes to the nearest. With the manifest of genome 2 there would be a fourth.
    const one = await sign(receipt(2, [5]))
    const lacking = compute([one.receipt], [terms(5)], [2])
    expect(lacking.shares).toEqual([
      { genome: id(2), author: null, amount: 0 },
      { genome: id(5), author: id(105), amount: 1 },
    ])
    const result = accepted(await verifyStatement(await state(lacking), [one], knowledge([terms(5)]), verify))
    expect(result.claimable).toEqual([hex(2)])
  })

  it('finds whose manifests it could show to the payer', async () => {
    const lacking = compute(
      receipts.map((one) => one.receipt),
      [terms(5)],
      [3],
    )
    const signed = await state(lacking)
    const result = accepted(await verifyStatement(signed, receipts, knowledge([terms(5)]), verify))
    expect(result.claimable).toEqual([hex(3)])
    const alike = accepted(await verifyStatement(signed, receipts, knowledge([terms(5)], [3]), verify))
    expect(alike.claimable).toEqual([])
  })
})
