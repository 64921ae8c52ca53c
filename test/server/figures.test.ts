import { describe, expect, it } from 'vitest'
import { formatSpread, spreadOf } from '../../signaling-server/cli/bench/spread.ts'
import { formatBytes, formatMs, formatTable } from '../../signaling-server/cli/format.ts'

describe('spreadOf', () => {
  it('takes the middle of the sorted values, or between the two middle ones', () => {
    expect(spreadOf([9, 1, 10])).toEqual({ median: 9, least: 1, most: 10, repeats: 3 })
    expect(spreadOf([4, 1, 3, 100])).toEqual({ median: 3.5, least: 1, most: 100, repeats: 4 })
    expect(spreadOf([7])).toEqual({ median: 7, least: 7, most: 7, repeats: 1 })
  })

  it('refuses to make up a figure from nothing', () => {
    expect(() => spreadOf([])).toThrow(RangeError)
  })
})

describe('figures', () => {
  it.each([
    [0.04217, '0.0422 ms'],
    [12.345, '12.3 ms'],
    [123.4, '123 ms'],
    [1_250, '1.25 s'],
    [250_000, '250 s'],
  ])('%d ms', (ms, text) => expect(formatMs(ms)).toBe(text))

  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [2_304, '2.30 kB'],
    [98_362_432, '98.4 MB'],
    [385_000_000_000, '385 GB'],
    [2e15, '2000000 GB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it('shows a spread with its extremes', () => {
    expect(formatSpread({ median: 12.34, least: 9.87, most: 1234.5, repeats: 5 })).toBe('12.3 (9.87 to 1235)')
  })

  it('aligns columns without trailing blanks', () => {
    expect(
      formatTable(
        ['a', 'b'],
        [
          ['long cell', 'x'],
          ['y', ''],
        ],
      ),
    ).toEqual(['  a          b', '  long cell  x', '  y'])
  })
})
