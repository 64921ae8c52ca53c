import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPromptLookup, type PromptLookup } from '#core/speculation/prompt-lookup.ts'

const textOf = (words: string) => Array.from(words, (letter) => letter.charCodeAt(0))

const take = (lookup: PromptLookup, depth: number) => lookup.propose()?.take(depth) ?? []

describe('prompt lookup', () => {
  it('follows what came after the same words before', () => {
    const lookup = createPromptLookup(textOf('the whale swam. the w'))
    expect(take(lookup, 6)).toEqual(textOf('hale s'))
    expect(take(lookup, 2)).toEqual(textOf('ha'))
  })

  it('prefers the longest shared stretch to a later one, and the later of equals', () => {
    const longest = createPromptLookup(textOf('xabcP yabcQ zbcR xabc'))
    expect(take(longest, 1)).toEqual(textOf('P'))
    const latest = createPromptLookup(textOf(' abcP abcQ abc'))
    expect(take(latest, 1)).toEqual(textOf('Q'))
  })

  it('tells how long a stretch the end shares with the place that it follows', () => {
    expect(createPromptLookup(textOf('a whale, a ship, a whale')).propose()?.match).toBe(7)
    expect(createPromptLookup(textOf('xay zay')).propose()?.match).toBe(2)
  })

  it('goes on with a period that reaches the end', () => {
    const lookup = createPromptLookup(textOf('-abcabc'))
    expect(take(lookup, 7)).toEqual(textOf('abcabca'))
  })

  it('proposes nothing for an end that is new, and learns by pushing', () => {
    const lookup = createPromptLookup(textOf('abcdef'))
    expect(take(lookup, 4)).toEqual([])
    for (const token of textOf('ab')) lookup.push(token)
    expect(take(lookup, 3)).toEqual(textOf('cde'))
    expect(take(createPromptLookup([]), 3)).toEqual([])
    expect(take(createPromptLookup([7]), 3)).toEqual([])
  })

  it('proposes what really followed some earlier place with the same last two tokens, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 200 }),
        fc.integer({ min: 1, max: 7 }),
        (text, depth) => {
          const drafts = take(createPromptLookup(text), depth)
          const end = text.length - 1
          const places = text
            .map((_, place) => place)
            .filter(
              (place) => place > 0 && place < end && text[place] === text[end] && text[place - 1] === text[end - 1],
            )
          if (places.length === 0) return drafts.length === 0
          const follows = (place: number) =>
            drafts.every((draft, index) => [...text, ...drafts][place + 1 + index] === draft)
          return drafts.length === depth && places.some(follows)
        },
      ),
    )
  })
})
