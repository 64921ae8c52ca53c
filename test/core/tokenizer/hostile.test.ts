// Damaged and hostile tokenizer files: each is refused with a code or works; nothing else is thrown.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'
import { byteLevelGolden, huggingFaceGolden, sentencePieceGolden } from './vectors.ts'

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 600)

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

function survive(spec: TokenizerSpec): 'works' | 'refused' {
  try {
    const tokenizer = createTokenizer(spec)
    for (const text of ['Hello, world 123!', '<|im_start|>x<|im_end|> \u{1F600}e\u0301', '']) {
      const ids = tokenizer.encode(text)
      tokenizer.encode(text, { special: false })
      tokenizer.decode(ids)
    }
    return 'works'
  } catch (error) {
    if (error instanceof CentramError && error.code !== 'INTERNAL') return 'refused'
    throw error
  }
}

/** Every place in a tree but those below the big tables, which are counted as one. */
function places(value: Json, path: (string | number)[] = []): (string | number)[][] {
  const here = path.length === 0 ? [] : [path]
  if (typeof value !== 'object' || value === null) return here
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value)
  return [
    ...here,
    ...keys
      .slice(0, 12)
      .flatMap((key) => places((value as Record<string | number, Json>)[key] ?? null, [...path, key])),
  ]
}

function changed(value: Json, path: readonly (string | number)[], replace: (old: Json) => Json | undefined): Json {
  const [key, ...rest] = path
  if (key === undefined) return value
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, Json>
  const old = copy[key] ?? null
  const next = rest.length === 0 ? replace(old) : changed(old, rest, replace)
  if (next === undefined && Array.isArray(copy)) copy.splice(Number(key), 1)
  else if (next === undefined) Reflect.deleteProperty(copy, key)
  else copy[key] = next
  return copy
}

const replacement = fc.constantFrom<Json | undefined>(
  undefined,
  null,
  true,
  -1,
  0,
  2 ** 31,
  1e300,
  '',
  ' ',
  'ByteLevel',
  'Unigram',
  '(',
  '\\p{Nope}',
  [],
  [[]],
  {},
  { type: 'Sequence' },
  { Regex: '[' },
)

describe('tokenizer.json', () => {
  test.each(['smollm', 'llama-bpe', 'llama2'])('%s with any part replaced', { timeout: 120_000 }, (name) => {
    const { spec } = huggingFaceGolden(name)
    const tree = spec.tokenizer as Json
    const all = places(tree)
    const seen = { works: 0, refused: 0 }
    fc.assert(
      fc.property(fc.nat(all.length - 1), replacement, (index, value) => {
        const json = changed(tree, all[index] ?? [], () => value)
        seen[survive({ ...spec, tokenizer: json as object })]++
      }),
      { numRuns: Math.ceil(RUNS / 3), seed: 20_261_123 },
    )
    expect(seen.works).toBeGreaterThan(0)
    expect(seen.refused).toBeGreaterThan(0)
  })

  const base = huggingFaceGolden('smollm').spec
  const part = (name: string, value: Json) => () =>
    createTokenizer({ ...base, tokenizer: { ...base.tokenizer, [name]: value } })

  test.each<[string, () => unknown, RegExp]>([
    ['a unigram model', part('model', { type: 'Unigram', vocab: [] }), /"Unigram"/],
    ['a word-piece decoder', part('decoder', { type: 'WordPiece' }), /a decoder of the type "WordPiece"/],
    ['an unknown pre-tokenizer', part('pre_tokenizer', { type: 'BertPreTokenizer' }), /"BertPreTokenizer"/],
    ['an unknown normalizer', part('normalizer', { type: 'BertNormalizer' }), /"BertNormalizer"/],
    [
      'a split that merges',
      part('pre_tokenizer', { type: 'Split', pattern: { Regex: 'a' }, behavior: 'MergedWithNext', invert: false }),
      /"MergedWithNext"/,
    ],
    ['whole-word tokens', part('added_tokens', [{ id: 1, content: 'x', single_word: true }]), /single word/],
  ])('%s is refused by name', (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringMatching(message) }),
    )
  })
})

test('a normalizer without its text is damaged', () => {
  const { spec } = huggingFaceGolden('llama2')
  for (const normalizer of [{ type: 'Prepend' }, { type: 'Replace', pattern: {}, content: 'x' }]) {
    expect(() => createTokenizer({ ...spec, tokenizer: { ...spec.tokenizer, normalizer } })).toThrow(
      expect.objectContaining({ code: 'FORMAT_INVALID', message: expect.stringContaining('normalizer') }),
    )
  }
})

describe('GGUF tokenizers', () => {
  test('an unknown pre-tokenizer is refused by name', () => {
    const { spec } = byteLevelGolden('gpt-2')
    expect(() => createTokenizer({ ...spec, pre: 'tekken' } as TokenizerSpec)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining('"tekken"') }),
    )
  })

  test('any tokens, types, scores and merges are refused or work', { timeout: 120_000 }, () => {
    const bpe = byteLevelGolden('llama-bpe').spec
    const pieces = sentencePieceGolden().spec
    if (bpe.kind !== 'gguf' || pieces.kind !== 'gguf') throw new Error('GGUF specs were expected')
    const word = fc.constantFrom(
      '',
      ' ',
      'a',
      'b',
      'ab',
      '\u2581',
      '\u2581a',
      '__proto__',
      'constructor',
      '<0x41>',
      '<s>',
      '\u0120a',
      '\ud800',
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, fc.integer({ min: -1, max: 7 }), fc.float()), { minLength: 1, maxLength: 30 }),
        fc.array(fc.tuple(word, word), { maxLength: 10 }),
        fc.boolean(),
        fc.integer({ min: -1, max: 40 }),
        (entries, merges, isBpe, bos) => {
          survive({
            ...(isBpe ? bpe : pieces),
            tokens: entries.map(([content]) => content),
            types: Int32Array.from(entries, ([, type]) => type),
            scores: Float32Array.from(entries, ([, , score]) => score),
            merges: merges.map((pair) => pair.join(' ')),
            bos,
            addBos: true,
          })
        },
      ),
      { numRuns: RUNS, seed: 20_261_123 },
    )
  })

  test('a very long word is cut in good time', () => {
    const tokenizer = createTokenizer(sentencePieceGolden().spec)
    const text = 'abababab'.repeat(20_000)
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(` ${text}`)
  })
})
