// Two sides find out exactly what they do not share, by either method, in bounded bytes, rounds and work.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseMethod } from '#core/reconciliation/choose-method.ts'
import { createAnswer, createComparison } from '#core/reconciliation/compare-sets.ts'
import { createItemSet, type Item } from '#core/reconciliation/item-set.ts'
import { createSymbolStream } from '#core/reconciliation/coded-symbols.ts'
import { indexNames } from '#core/reconciliation/name-index.ts'
import { hashIds } from '#core/reconciliation/siphash.ts'
import { createSymbolDecoder } from '#core/reconciliation/symbol-decoder.ts'
import { PROOF_MESSAGES } from '#core/protocol/messages/proof.ts'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { createDice } from '../../simulation/random.ts'
import { compare, drawItems, drawPair, sortedHex } from './sets.ts'

const METHODS = ['negentropy', 'riblt'] as const
const MAX_FRAME = 64 * 1024

describe('comparing sets', () => {
  it.each(METHODS)('finds exactly what either side lacks, by %s', (method) => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.string(),
          size: fc.integer({ min: 0, max: 400 }),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
          lie: fc.constantFrom('scattered', 'last'),
          together: fc.constantFrom(1, 7, 1000),
          maySwitch: fc.boolean(),
          expected: fc.option(fc.integer({ min: 0, max: 2000 })),
        }),
        ({ seed, size, share, lie, together, maySwitch, expected }) => {
          const dice = createDice(seed)
          const pair = drawPair(dice, { size, differences: Math.floor(share * size), lie, together })
          const result = compare(dice, pair.ours, pair.theirs, { method, maySwitch, expected })
          expect(sortedHex(result.have)).toEqual(sortedHex(pair.onlyOurs))
          expect(sortedHex(result.need)).toEqual(sortedHex(pair.onlyTheirs))
          expect(result.complete).toBe(true)
          expect(result.largest).toBeLessThanOrEqual(MAX_FRAME)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('compares 100,000 records with 1,000 differences in less than 100 kB', () => {
    const dice = createDice('100,000')
    const scattered = drawPair(dice, { size: 100_000, differences: 1000, lie: 'scattered' })
    const [ours, theirs] = [createItemSet(scattered.ours), createItemSet(scattered.theirs)]
    const symbols = compare(dice, ours, theirs, { method: 'riblt' })
    expect(sortedHex(symbols.have)).toEqual(sortedHex(scattered.onlyOurs))
    expect(sortedHex(symbols.need)).toEqual(sortedHex(scattered.onlyTheirs))
    expect(symbols.bytes).toBeLessThan(50_000)
    expect(symbols.rounds).toBeLessThanOrEqual(6)
    // Ranges alone would take 900 kB here; they see that themselves.
    const switched = compare(dice, ours, theirs, { method: 'negentropy' })
    expect(switched.need).toHaveLength(scattered.onlyTheirs.length)
    expect(switched.bytes).toBeLessThan(60_000)
    expect(switched.rounds).toBeLessThanOrEqual(7)
    // After a partition the newest differ.
    const last = drawPair(dice, { size: 100_000, differences: 1000, lie: 'last' })
    const ranges = compare(dice, last.ours, last.theirs, { method: 'negentropy', maySwitch: false })
    expect(ranges.need).toHaveLength(last.onlyTheirs.length)
    expect(ranges.bytes).toBeLessThan(30_000)
    expect(ranges.rounds).toBeLessThanOrEqual(4)
  })

  it.each(METHODS)('tells two sides that share nothing everything, in frames of at most 64 KiB, by %s', (method) => {
    const dice = createDice('nothing')
    const items = drawItems(dice, 3000)
    const others = drawItems(dice, 1500)
    for (const ours of [[], others]) {
      const { need, have, largest, rounds, complete } = compare(dice, ours, items, { method })
      expect(complete).toBe(true)
      expect(sortedHex(need)).toEqual(sortedHex(items))
      expect(sortedHex(have)).toEqual(sortedHex(ours))
      expect(largest).toBeLessThanOrEqual(MAX_FRAME)
      expect(rounds).toBeLessThan(14)
    }
  })

  it('fits its frames into PROOF_RECON_FRAME', () => {
    const frame = PROOF_MESSAGES.find(({ name }) => name === 'PROOF_RECON_FRAME')
    expect(frame?.maxTail).toBe(MAX_FRAME)
  })

  it('chooses ranges for small, unknown and nearly total differences, coded symbols for what lies between', () => {
    const choose = (expected: number | null, otherSize: number | null = 100_000) =>
      chooseMethod({ size: 100_000, otherSize, expected })
    expect(choose(null)).toBe('negentropy')
    expect(choose(10)).toBe('negentropy')
    expect(choose(1000)).toBe('riblt')
    expect(choose(null, 90_000)).toBe('riblt')
    expect(choose(null, 0)).toBe('negentropy')
    expect(choose(50_000)).toBe('negentropy')
    expect(chooseMethod({ size: 100_000, expected: 1000, rangeBytes: 5000 })).toBe('negentropy')
  })
})

describe('a set of items', () => {
  it('is the same whatever way it came about', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 90 }), (seed, size) => {
        const dice = createDice(seed)
        const items = drawItems(dice, size, 3)
        const kept = items.filter(() => dice.chance(0.7))
        const grown = createItemSet(items.slice(0, size / 2))
        for (const item of [...items].sort(() => dice.next() - 0.5)) grown.add(item)
        for (const item of items) if (!kept.includes(item)) expect(grown.remove(item)).toBe(true)
        for (const item of items) expect(grown.remove({ ...item, key: item.key + 1 })).toBe(false)
        const made = createItemSet([...kept].reverse())
        expect(grown.size).toBe(kept.length)
        expect(sortedHex(Array.from({ length: grown.size }, (_, i) => grown.idAt(i)))).toEqual(sortedHex(kept))
        for (let from = 0; from <= kept.length; from += 7) {
          expect(grown.fingerprint(from)).toEqual(made.fingerprint(from))
        }
      }),
      { numRuns: 25 },
    )
  })

  it('has another fingerprint for ids whose sum is the same', () => {
    const id = (byte: number) => new Uint8Array(32).fill(byte)
    const sums = [[id(3)], [id(1), id(2)], [id(0), id(1), id(2)]].map((ids) =>
      createItemSet(ids.map((each) => ({ key: 1, id: each }))),
    )
    expect(new Set(sums.map((set) => toHex(set.fingerprint()))).size).toBe(3)
  })

  it('takes whole numbers and ids of 32 bytes only', () => {
    const set = createItemSet()
    const id = new Uint8Array(32)
    for (const item of [
      { key: -1, id },
      { key: 0.5, id },
      { key: 2 ** 53, id },
      { key: 1, id: new Uint8Array(31) },
    ]) {
      expect(() => set.add(item)).toThrow('An item has an id of 32 bytes')
    }
    expect(set.add({ key: 2 ** 53 - 1, id })).toBe(true)
    expect(set.add({ key: 2 ** 53 - 1, id })).toBe(false)
  })
})

describe('coded symbols', () => {
  it('hash ids by SipHash-1-3', () => {
    const hash = (key: Uint8Array, bytes: Uint8Array) => {
      const words = new Uint32Array(8)
      words.forEach((_, i) => (words[i] = new DataView(bytes.buffer).getUint32(4 * i, true)))
      const digest = new DataView(new ArrayBuffer(8))
      hashIds(key, words).forEach((half, i) => digest.setUint32(4 * i, half, true))
      return toHex(new Uint8Array(digest.buffer))
    }
    const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i)
    // Python 3.11 and later under PYTHONHASHSEED=0: hash(bytes(range(32))) as 64 bits, little-endian.
    expect(hash(new Uint8Array(16), counting(32))).toBe('9b6210c96180ef31')
    // The crate siphasher 1.0.4: SipHasher13 under the key 00 01 … 0f.
    expect(hash(counting(16), counting(32))).toBe('0db6a7166c7b1581')
    expect(hash(counting(16), new Uint8Array(32).fill(255))).toBe('1d419009cb7112a2')
  })

  it('hold each item with the probability that the paper prescribes', () => {
    const dice = createDice('symbols')
    const size = 20_000
    const names = new Uint32Array(2 * size).map(() => dice.whole(0, 2 ** 32 - 1))
    const { counts } = createSymbolStream(names).next(300)
    expect(counts[0]).toBe(size)
    counts.forEach((count, index) => {
      const expected = size / (1 + index / 2)
      // The approximate inverse of the distribution is off by a few per cent in its first steps; chance by six deviations.
      expect(Math.abs(count - expected)).toBeLessThan(0.06 * expected + 6 * Math.sqrt(expected))
    })
  })

  it('depend on the key of the comparison, so that nobody can prepare records for it', () => {
    const dice = createDice('keys')
    const set = createItemSet(drawItems(dice, 50))
    const ask = createComparison({ set, method: 'riblt', recon: dice.bytes(16) }).open()
    const frames = [1, 2].map(() => createAnswer({ set, method: 'riblt', recon: dice.bytes(16) })(ask))
    expect(frames[0]).not.toEqual(frames[1])
  })

  it('are given up without blame where they contradict our set, as two names that are the same would make them', () => {
    const dice = createDice('lies')
    const names = new Uint32Array(200).map(() => dice.whole(0, 2 ** 32 - 1))
    const ours = createSymbolStream(names).next(64)
    const fewer = createSymbolStream(names.subarray(2)).next(64)
    const add = (counts: Int32Array) => createSymbolDecoder(names, indexNames(names)).add({ ...fewer, counts })
    expect(add(fewer.counts)).toBe('done')
    // As if the one that they lack were theirs alone.
    expect(add(ours.counts.map((count, i) => 2 * count - fewer.counts[i]!))).toBe('broken')
  })

  it('must be of the key that was agreed on', () => {
    const dice = createDice('another key')
    const [ours, theirs] = [createItemSet(drawItems(dice, 100)), createItemSet(drawItems(dice, 100))]
    const comparison = createComparison({ set: ours, method: 'riblt', recon: new Uint8Array(16) })
    const answer = createAnswer({ set: theirs, method: 'riblt', recon: new Uint8Array(16).fill(1) })
    const run = () => {
      for (let frame: Uint8Array | null = comparison.open(); frame;) frame = comparison.receive(answer(frame))
    }
    expect(run).toThrow('an id has another name')
  })
})

describe('hostile frames', () => {
  const dice = createDice('hostile')
  const items: readonly Item[] = drawItems(dice, 300)
  const set = createItemSet(items)
  const recon = dice.bytes(16)

  it.each([
    ['of another version', '62'],
    ['with a number that begins with zero', '6180000000'],
    ['with a number beyond 2⁵³', '61ffffffffffffffffff7f0000'],
    ['with ids that are not there', '610000 02 ffffffff7f'],
    ['with a bound longer than an id', '61 01 21'],
    ['that says what nobody knows', '61 0000 03'],
    ['that goes on after the end', '61 0000 00 0100 00'],
    ['whose ranges overlap', '61 01 02 0505 00 01 02 0504 00'],
    ['that ends too early', '61 0000 01 00'],
  ])('refuses ranges %s', (_, hex) => {
    const frame = fromHex(hex.replaceAll(' ', ''))!
    expect(() => createAnswer({ set, method: 'negentropy', recon })(frame)).toThrow('is malformed')
    expect(() => createComparison({ set, method: 'negentropy', recon }).receive(frame)).toThrow('is malformed')
  })

  it('refuses frames beyond 64 KiB', () => {
    const frame = new Uint8Array(MAX_FRAME + 1)
    for (const method of METHODS) expect(() => createAnswer({ set, method, recon })(frame)).toThrow('65536 is the most')
  })

  it('refuses requests for no or too many symbols, and for ids that are not here', () => {
    const answer = createAnswer({ set, method: 'riblt', recon })
    for (const hex of ['7100', '718f7f7f', '71ff7f', '7001', `73${'00'.repeat(8)}`, `73${'00'.repeat(7)}`]) {
      expect(() => answer(fromHex(hex)!)).toThrow('is malformed')
    }
  })

  it('ends with who asks for symbols, or answers, without end', () => {
    for (const method of METHODS) {
      const answer = createAnswer({ set, method, recon })
      const ask = createComparison({ set: createItemSet(), method, recon }).open()
      const askForAll = () => {
        for (let round = 0; round < 2000; round++) answer(ask)
      }
      expect(askForAll).toThrow('too many rounds')
    }
    const most = createAnswer({ set, method: 'riblt', recon })
    const askForMost = () => {
      for (let round = 0; round < 250; round++) most(fromHex('718b00')!)
    }
    expect(askForMost).toThrow('differ too much')
    // The first symbol says that something differs, and no other one what it is.
    const search = createComparison({ set, method: 'riblt', recon })
    const answer = createAnswer({ set, method: 'riblt', recon })
    let received = 0
    for (let frame: Uint8Array | null = search.open(); frame;) {
      const back = answer(frame)
      if (received === 0) back[3] = back[3]! ^ 1
      received += back.length
      frame = search.receive(back)
    }
    expect(search.result()).toMatchObject({ complete: false, retry: { method: 'negentropy' } })
    expect(received).toBeLessThan(3000)
    // Every time the rest is said to differ.
    const comparison = createComparison({ set, method: 'negentropy', recon, maySwitch: false })
    const lie = fromHex(`61000001${'00'.repeat(16)}`)!
    let rounds = 0
    for (let frame: Uint8Array | null = comparison.open(); frame; rounds++) frame = comparison.receive(lie)
    expect(rounds).toBeLessThan(300)
    expect(comparison.result()).toMatchObject({ complete: false, retry: null })
  })
})
