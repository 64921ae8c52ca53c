// Deterministic CBOR: decode then encode is the identity, and everything else is refused with a code.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { decodeCanonical, encodeCanonical, MAX_DEPTH, type CanonicalValue } from '#core/crypto/canonical.ts'
import { CentramError } from '#core/errors.ts'

const bytes = (hex: string) => fromHex(hex.replaceAll(' ', '')) as Uint8Array

const value = fc.letrec<{ value: CanonicalValue; leaf: CanonicalValue }>((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Number.isInteger(x) ? 0.5 : x)),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
  ),
  value: fc.oneof(
    { maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

describe('canonical CBOR', () => {
  it('round-trips any value', () => {
    fc.assert(
      fc.property(value, (input) => {
        const encoded = encodeCanonical(input)
        const decoded = decodeCanonical(encoded)
        expect(decoded).toEqual(input)
        expect(toHex(encodeCanonical(decoded))).toBe(toHex(encoded))
      }),
      { numRuns: 300 },
    )
  })

  it('is total: any bytes give a value that encodes to the same bytes, or FRAME_INVALID', () => {
    const check = (input: Uint8Array) => {
      try {
        const decoded = decodeCanonical(input)
        expect(toHex(encodeCanonical(decoded))).toBe(toHex(input))
      } catch (error) {
        expect(error).toBeInstanceOf(CentramError)
        expect((error as CentramError).code).toBe('FRAME_INVALID')
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { numRuns: 2000 })
    fc.assert(
      fc.property(value, fc.nat(), fc.nat({ max: 255 }), (input, at, byte) => {
        const encoded = encodeCanonical(input)
        encoded[at % encoded.length] = byte
        check(encoded)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['nothing at all', ''],
    ['a trailing byte', '01 00'],
    ['a truncated integer', '19 01'],
    ['an integer in too many bytes', '18 05'],
    ['an integer beyond 2^53', '1b 0020000000000001'],
    ['a text longer than its bytes', '62 61'],
    ['a text of four gigabytes', '7a ffffffff'],
    ['a list of 2^64 items', '9b ffffffffffffffff'],
    ['a map of 2^32 pairs', 'ba ffffffff'],
    ['an indefinite list', '9f 01 ff'],
    ['an indefinite text', '7f 61 61 ff'],
    ['a break alone', 'ff'],
    ['a tag', 'c0 61 61'],
    ['undefined', 'f7'],
    ['another simple value', 'e0'],
    ['a duplicate key', 'a2 61 61 01 61 61 02'],
    ['keys out of order', 'a2 61 62 01 61 61 02'],
    ['keys ordered by bytes though not by length', 'a2 62 61 61 01 61 62 02'],
    ['a key that is not text', 'a1 01 01'],
    ['a map without its last value', 'a1 61 61'],
    ['a float that is an integer', 'f9 3c00'],
    ['a float in too many bytes', 'fa 3fc00000'],
    ['NaN', 'f9 7e00'],
    ['infinity', 'f9 7c00'],
    ['text that is not UTF-8', '61 ff'],
  ])('refuses %s', (_what, hex) => {
    expect(() => decodeCanonical(bytes(hex))).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
  })

  it('accepts nesting up to its bound and refuses one more, however deep', () => {
    const nested = (depth: number) => new Uint8Array([...new Array<number>(depth).fill(0x81), 0x00])
    expect(() => decodeCanonical(nested(MAX_DEPTH))).not.toThrow()
    for (const depth of [MAX_DEPTH + 1, 100_000])
      expect(() => decodeCanonical(nested(depth))).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
  })
})
