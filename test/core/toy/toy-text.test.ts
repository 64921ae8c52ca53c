// The built-in model's text against the Python implementation in test/vectors/toy/make_toy.py.

import { expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { CONTEXT } from '#core/toy/toy-model.ts'
import { cleanText, cutWindows, drawWindows, isHeldOut, splitDocuments } from '#core/toy/toy-text.ts'
import { toyPlan, toySequences } from '#core/toy/toy-recipe.ts'
import { checkTrainingPlan } from '#core/training/training-plan.ts'
import reference from '../../vectors/toy/text.json'

test.each(reference.cleaned)('cleans $text', ({ text, clean }) => {
  expect(cleanText(text)).toBe(clean)
})

test.each(['moby-dick', 'sotu'] as const)('holds out the same documents of %s', (corpus) => {
  const held = reference.names[corpus].filter((name) => isHeldOut(reference.seed, corpus, name))
  expect(held).toEqual(reference.heldOut[corpus])
  expect(held.length).toBeGreaterThan(0)
})

test('splits by whole documents, in order of their names', () => {
  const [held = ''] = reference.heldOut['moby-dick']
  const free = reference.names['moby-dick'].filter((name) => !reference.heldOut['moby-dick'].includes(name))
  const [first = '', second = ''] = free.sort()
  const split = splitDocuments(reference.seed, 'moby-dick', [
    { name: second, text: 'second\ntext' },
    { name: held, text: 'judge' },
    { name: first, text: 'first' },
  ])
  expect(new TextDecoder().decode(split.train)).toBe('first\n\nsecond\n\ntext')
  expect(new TextDecoder().decode(split.heldOut)).toBe('judge')
  expect(split.documents).toEqual([2, 1])
})

/** Three windows and a bit more; every byte tells its place. */
const TEXT = Uint8Array.from({ length: 3 * CONTEXT + 17 }, (_, i) => i % 251)

test('cuts windows that predict each byte but the first once', () => {
  const windows = cutWindows(TEXT)
  expect(windows).toHaveLength(3)
  for (const [i, { tokens, targets, counted }] of windows.entries()) {
    expect([...tokens]).toEqual([...TEXT.subarray(i * CONTEXT, (i + 1) * CONTEXT)])
    expect([...targets]).toEqual([...TEXT.subarray(i * CONTEXT + 1, (i + 1) * CONTEXT + 1)])
    expect(counted).toBe(CONTEXT)
  }
})

test('draws every window once before any comes twice, and the same ones again', () => {
  const drawn = drawWindows(TEXT, 8, 1, 0).map(({ tokens }) => tokens[0] as number)
  const firsts = cutWindows(TEXT).map(({ tokens }) => tokens[0] as number)
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
  expect(sorted(drawn.slice(0, 3))).toEqual(sorted(firsts))
  expect(sorted(drawn.slice(3, 6))).toEqual(sorted(firsts))
  expect(new Set(drawn.slice(6)).size).toBe(2)
  expect(drawWindows(TEXT, 8, 1, 0).map(({ tokens }) => tokens[0])).toEqual(drawn)
})

test('a run takes just the windows it needs, a quarter of them from the novel', () => {
  const recipe = { steps: 10, batch: 4, peak: 1e-3, seed: 1 }
  checkTrainingPlan(toyPlan(recipe))
  const corpus = (text: string) => ({ train: utf8(text.repeat(400)), heldOut: utf8(''), documents: [1, 0] as const })
  const sequences = toySequences(recipe, { 'moby-dick': corpus('n'), sotu: corpus('s') })
  expect(sequences).toHaveLength(40)
  expect(sequences.filter(({ tokens }) => tokens[0] === utf8('n')[0])).toHaveLength(10)
})
