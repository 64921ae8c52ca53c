// Range sets against sets of single bytes.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addRange,
  covers,
  intersect,
  joinNear,
  missingFrom,
  parseRangeSet,
  piecesOf,
  sizeOf,
  unionOf,
  type ByteRange,
  type RangeSet,
} from '#core/formats/range-set.ts'

const SIZE = 60
const range = fc
  .tuple(fc.nat(SIZE), fc.nat(SIZE))
  .map(([a, b]): ByteRange => ({ start: Math.min(a, b), end: Math.max(a, b) }))
const ranges = fc.array(range, { maxLength: 8 })

function bytesOf(list: readonly ByteRange[]): Set<number> {
  const bytes = new Set<number>()
  for (const { start, end } of list) for (let at = start; at < end; at++) bytes.add(at)
  return bytes
}

function expectProper(set: RangeSet): void {
  set.forEach((item, i) => {
    expect(item.end).toBeGreaterThan(item.start)
    if (i > 0) expect(item.start).toBeGreaterThan(set[i - 1]?.end ?? Number.NaN)
  })
}

describe('range sets are sets of bytes', () => {
  test('union, sum and addition', () => {
    fc.assert(
      fc.property(ranges, range, (list, extra) => {
        const set = unionOf(list)
        expectProper(set)
        expect(bytesOf(set)).toEqual(bytesOf(list))
        expect(sizeOf(set)).toBe(bytesOf(list).size)
        expect(bytesOf(addRange(set, extra))).toEqual(bytesOf([...list, extra]))
      }),
    )
  })

  test('intersection, difference and cover', () => {
    fc.assert(
      fc.property(ranges, ranges, range, (have, want, one) => {
        const set = unionOf(have)
        const held = bytesOf(have)
        expectProper(intersect(set, one))
        expect(bytesOf(intersect(set, one))).toEqual(new Set([...bytesOf([one])].filter((at) => held.has(at))))
        const missing = missingFrom(set, unionOf(want))
        expectProper(missing)
        expect(bytesOf(missing)).toEqual(new Set([...bytesOf(want)].filter((at) => !held.has(at))))
        expect(covers(set, one)).toBe([...bytesOf([one])].every((at) => held.has(at)))
      }),
    )
  })

  test('pieces cover the set, in order, none too long', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 20 }), (list, size) => {
        const pieces = piecesOf(unionOf(list), size)
        expect(unionOf(pieces)).toEqual(unionOf(list))
        for (const { start, end } of pieces) expect(Math.floor(start / size)).toBe(Math.floor((end - 1) / size))
        expect(sizeOf(pieces)).toBe(sizeOf(unionOf(list)))
      }),
    )
  })

  test('joining fills gaps up to a width and no others', () => {
    fc.assert(
      fc.property(ranges, fc.nat(10), (list, gap) => {
        const joined = joinNear(list, gap)
        expectProper(joined)
        expect(missingFrom(joined, unionOf(list))).toEqual([])
        joined.forEach((item, i) => {
          if (i > 0) expect(item.start - (joined[i - 1]?.end ?? 0)).toBeGreaterThan(gap)
        })
        expect(joined.map((item) => [item.start, item.end]).flat()).toEqual(
          joined
            .flatMap((item) => [item.start, item.end])
            .filter((edge) => unionOf(list).some((r) => r.start === edge || r.end === edge)),
        )
      }),
    )
  })
})

describe('a set read back', () => {
  test('is the set that was written', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const set = unionOf(list)
        expect(parseRangeSet(JSON.parse(JSON.stringify(set)), SIZE)).toEqual(set)
      }),
    )
  })

  test('is refused unless it is proper and within the file', () => {
    const bad: unknown[] = [
      null,
      'ranges',
      [{ start: 0 }],
      [{ start: 5, end: 5 }],
      [{ start: -1, end: 5 }],
      [{ start: 0.5, end: 5 }],
      [{ start: 0, end: SIZE + 1 }],
      [
        { start: 0, end: 5 },
        { start: 5, end: 9 },
      ],
      [
        { start: 10, end: 15 },
        { start: 0, end: 5 },
      ],
      [{ start: 0, end: Number.NaN }],
      [null],
    ]
    for (const value of bad) expect(parseRangeSet(value, SIZE)).toBeUndefined()
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const set = parseRangeSet(value, SIZE)
        if (set !== undefined) expectProper(set)
      }),
    )
  })
})
