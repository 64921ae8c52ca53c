import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRange } from '../../signaling-server/http/byte-range.ts'

describe('parseRange', () => {
  it.each([
    ['bytes=0-0', 10, { kind: 'part', first: 0, last: 0 }],
    ['bytes=0-', 10, { kind: 'part', first: 0, last: 9 }],
    ['bytes=3-5', 10, { kind: 'part', first: 3, last: 5 }],
    ['bytes=3-500', 10, { kind: 'part', first: 3, last: 9 }],
    ['bytes=-4', 10, { kind: 'part', first: 6, last: 9 }],
    ['bytes=-400', 10, { kind: 'part', first: 0, last: 9 }],
    ['Bytes= 3 - 5 ', 10, { kind: 'part', first: 3, last: 5 }],
    ['bytes=0-99999999999999999999', 10, { kind: 'part', first: 0, last: 9 }],
    ['bytes=10-', 10, { kind: 'unsatisfiable' }],
    ['bytes=99999999999999999999-', 10, { kind: 'unsatisfiable' }],
    ['bytes=-0', 10, { kind: 'unsatisfiable' }],
    ['bytes=0-', 0, { kind: 'unsatisfiable' }],
    ['bytes=-5', 0, { kind: 'unsatisfiable' }],
    [undefined, 10, { kind: 'whole' }],
    ['', 10, { kind: 'whole' }],
    ['bytes=-', 10, { kind: 'whole' }],
    ['bytes=5-3', 10, { kind: 'whole' }],
    ['bytes=0-1,3-4', 10, { kind: 'whole' }],
    ['lines=0-1', 10, { kind: 'whole' }],
    ['bytes=0x1-2', 10, { kind: 'whole' }],
    ['bytes=1.5-2', 10, { kind: 'whole' }],
    ['bytes=+1-2', 10, { kind: 'whole' }],
    ['bytes=0-1\r\nX: y', 10, { kind: 'whole' }],
  ] as const)('%j of %i bytes', (header, size, expected) => {
    expect(parseRange(header, size)).toEqual(expected)
  })

  it('never leaves the file, whatever is asked', () => {
    const digits = fc.stringMatching(/^\d{0,22}$/)
    fc.assert(
      fc.property(digits, digits, fc.nat({ max: 5_000 }), (from, to, size) => {
        const range = parseRange(`bytes=${from}-${to}`, size)
        if (range.kind !== 'part') return
        expect(range.first).toBeGreaterThanOrEqual(0)
        expect(range.first).toBeLessThanOrEqual(range.last)
        expect(range.last).toBeLessThan(size)
      }),
    )
  })

  it('takes any string without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(['whole', 'part', 'unsatisfiable']).toContain(parseRange(header, 100).kind)
      }),
    )
  })
})
