import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStopStrings } from '#core/door/stop-strings.ts'

const short = (length: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: length })

test('however a text is cut into pieces, it ends where the first of the strings begins', () => {
  fc.assert(
    fc.property(fc.array(short(5), { maxLength: 12 }), fc.array(short(4), { maxLength: 3 }), (pieces, stops) => {
      const text = pieces.join('')
      const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0)
      const wanted = places.length > 0 ? endOf(text, stops) : text
      const stop = createStopStrings(stops)
      const shown: string[] = []
      for (const piece of pieces) {
        if (stop.stopped) break
        shown.push(stop.push(piece))
        // Nothing is shown that would have to be taken back.
        expect(wanted.startsWith(shown.join(''))).toBe(true)
      }
      expect(stop.stopped).toBe(places.length > 0)
      expect(shown.join('') + stop.flush()).toBe(wanted)
    }),
  )
})

/** Of the strings, the one that is complete first ends the text, at the earliest place where any has begun by then. */
function endOf(text: string, stops: readonly string[]): string {
  for (let length = 1; length <= text.length; length++) {
    const read = text.slice(0, length)
    const begun = stops.map((stop) => read.indexOf(stop)).filter((place) => place >= 0)
    if (begun.length > 0) return text.slice(0, Math.min(...begun))
  }
  return text
}

test('without strings every text is shown at once', () => {
  const stop = createStopStrings([''])
  expect([stop.push('a'), stop.push('b'), stop.flush()]).toEqual(['a', 'b', ''])
})
