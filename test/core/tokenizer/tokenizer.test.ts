// Every tokenizer against ids by the packages that models are trained with (see test/vectors/tokenizers).

import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import { createStreamDecoder } from '#core/tokenizer/decode.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import {
  byteLevelGolden,
  huggingFaceGolden,
  sentencePieceGolden,
  smollm2Golden,
  TEXTS,
  type GoldenIds,
} from './vectors.ts'

const BYTE_LEVEL = ['gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'default']
const HUGGING_FACE = ['smollm', 'llama-bpe', 'qwen2', 'llama2']

/** Compares text by text, so that a failure names the text. */
function expectIds(golden: GoldenIds, encode: (text: string) => number[]): void {
  const actual = Object.fromEntries(TEXTS.map((text) => [JSON.stringify(text), encode(text)]))
  const expected = Object.fromEntries(TEXTS.map((text, i) => [JSON.stringify(text), golden.ids[i]]))
  expect(actual).toEqual(expected)
}

describe('ids equal those of the original', () => {
  test.each(BYTE_LEVEL)('byte-level BPE from GGUF metadata, pre-tokenizer %s', (pre) => {
    const golden = byteLevelGolden(pre)
    const tokenizer = createTokenizer(golden.spec)
    expectIds(golden, (text) => tokenizer.encode(text))
  })

  test('the vocabulary of SmolLM2', () => {
    const golden = smollm2Golden()
    const tokenizer = createTokenizer(golden.spec)
    expect(tokenizer.vocabularySize).toBe(49_152)
    expectIds(golden, (text) => tokenizer.encode(text))
  })

  test('SentencePiece with byte fallback', () => {
    const golden = sentencePieceGolden()
    const tokenizer = createTokenizer(golden.spec)
    // The original reads control tokens in a text as plain text.
    expectIds(golden, (text) => tokenizer.encode(text, { special: false }))
  })

  test.each(HUGGING_FACE)('tokenizer.json of the %s kind', (name) => {
    const golden = huggingFaceGolden(name)
    const tokenizer = createTokenizer({ ...golden.spec, tokenizer: { ...golden.spec.tokenizer, post_processor: null } })
    expectIds(golden, (text) => tokenizer.encode(text))
    const withLeading = createTokenizer(golden.spec)
    expect(TEXTS.slice(0, golden.leading.length).map((text) => withLeading.encode(text))).toEqual(golden.leading)
  })
})

const everyTokenizer: [string, Tokenizer][] = [
  ['bytes', createTokenizer({ kind: 'bytes' })],
  ...BYTE_LEVEL.map((pre): [string, Tokenizer] => [`bpe-${pre}`, createTokenizer(byteLevelGolden(pre).spec)]),
  ['sentencepiece', createTokenizer(sentencePieceGolden().spec)],
  ...HUGGING_FACE.map((name): [string, Tokenizer] => [`hf-${name}`, createTokenizer(huggingFaceGolden(name).spec)]),
]

/** A tokenizer that puts a space before a text gives it back with that space; one with NFC composes. */
function expectedText(name: string, text: string): string {
  if (text === '') return ''
  if (name === 'sentencepiece' || name === 'hf-llama2') return ` ${text.replaceAll('\u2581', ' ')}`
  return name.endsWith('qwen2') ? text.normalize('NFC') : text
}

describe.each(everyTokenizer)('%s', (name, tokenizer) => {
  test('decoding gives the text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        fc.pre(!/<\||<unk>|<s>|<\/s>/.test(text))
        expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(expectedText(name, text))
      }),
    )
    for (const text of TEXTS.filter((item) => !/<\||<unk>/.test(item))) {
      expect(tokenizer.decode(tokenizer.encode(text, { special: false }))).toBe(expectedText(name, text))
    }
  })

  test('ids are whole numbers within the vocabulary', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.boolean(), (text, special) => {
        for (const id of tokenizer.encode(text, { special })) {
          expect(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabularySize).toBe(true)
        }
      }),
    )
  })

  test('a lone surrogate is read as U+FFFD', () => {
    expect(tokenizer.encode('a\ud800b\udc00')).toEqual(tokenizer.encode('a\ufffdb\ufffd'))
  })

  test('streaming gives what decoding gives, in whole characters', () => {
    const id = fc.nat({ max: tokenizer.vocabularySize - 1 })
    fc.assert(
      fc.property(fc.array(id, { maxLength: 40 }), (ids) => {
        const decoder = createStreamDecoder(tokenizer)
        const parts = ids.map((token) => decoder.push(token))
        for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u)
        expect(parts.join('') + decoder.flush()).toBe(tokenizer.decode(ids))
      }),
    )
  })

  test('an id outside the vocabulary stands for nothing', () => {
    expect(tokenizer.decode([-1, tokenizer.vocabularySize, 1.5, Number.NaN, 4e9])).toBe('')
  })
})

describe('special tokens', () => {
  const chat = '<|im_start|>user\nHi<|im_end|>'

  test('are read in a template and not in a plain text', () => {
    const tokenizer = createTokenizer(smollm2Golden().spec)
    const ids = tokenizer.encode(chat)
    expect([ids[0], ids.at(-1)]).toEqual([1, 2])
    const plain = tokenizer.encode(chat, { special: false })
    expect(plain).not.toContain(1)
    expect(tokenizer.decode(plain)).toBe(chat)
    expect(tokenizer.decode(ids)).toBe('user\nHi')
  })

  test('end tokens are all that the model names', () => {
    expect(createTokenizer(smollm2Golden().spec).endTokens).toEqual(new Set([0, 2]))
  })

  test('a leading token is added once', () => {
    for (const golden of [byteLevelGolden('gpt-2'), sentencePieceGolden()]) {
      const { spec } = golden
      if (spec.kind !== 'gguf') throw new Error('a GGUF spec was expected')
      const tokenizer = createTokenizer({ ...spec, bos: 1, addBos: true })
      const bos = spec.tokens[1] ?? ''
      expect(tokenizer.encode('Hi')[0]).toBe(1)
      expect(tokenizer.encode(`${bos}Hi`)).toEqual(tokenizer.encode('Hi'))
      expect(tokenizer.encode('Hi', { special: false })).not.toContain(1)
    }
  })
})

describe('half characters in a stream', () => {
  test('wait for the rest', () => {
    const tokenizer = createTokenizer({ kind: 'bytes' })
    const decoder = createStreamDecoder(tokenizer)
    const [first = 0, ...rest] = tokenizer.encode('\u{1F600}!')
    expect(decoder.push(first)).toBe('')
    expect(rest.map((id) => decoder.push(id))).toEqual(['', '', '\u{1F600}', '!'])
    decoder.push(first)
    expect(decoder.flush()).toBe('\ufffd')
  })
})
