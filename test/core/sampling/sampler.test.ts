import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkSamplingOptions,
  distributionOf,
  REPETITION_WINDOW,
  sampleToken,
  scoresNeeded,
  type SamplingOptions,
} from '#core/sampling/sampler.ts'

interface Case {
  options: SamplingOptions
  tokens: number[]
  logits: number[]
  ids: number[]
  probabilities: number[]
}

const cases = JSON.parse(readFileSync('test/vectors/sampling/distributions.json', 'utf8')) as Case[]

const logitsArbitrary = fc
  .array(fc.float({ noNaN: true, min: -40, max: 40 }), { minLength: 1, maxLength: 80 })
  .map((values) => Float32Array.from(values))
const optionsArbitrary = fc.record(
  {
    temperature: fc.double({ min: 0.05, max: 3, noNaN: true }),
    topK: fc.nat(90),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
    repetitionPenalty: fc.double({ min: 0.5, max: 2, noNaN: true }),
    seed: fc.integer(),
  },
  { requiredKeys: [] },
)
const tokensArbitrary = fc.array(fc.nat(79), { maxLength: 100 })

test.each(cases)('leaves the distribution that transformers leaves: $options', (example) => {
  const got = distributionOf({ logits: Float32Array.from(example.logits) }, example.options, example.tokens)
  expect([...got.ids]).toEqual(example.ids)
  for (const [index, probability] of got.probabilities.entries()) {
    expect(probability).toBeCloseTo(example.probabilities[index] ?? NaN, 6)
  }
})

describe('properties', () => {
  test('probabilities are sorted, positive and sum to 1; the likeliest always stays', () => {
    fc.assert(
      fc.property(logitsArbitrary, optionsArbitrary, tokensArbitrary, (logits, options, tokens) => {
        const { ids, probabilities } = distributionOf({ logits }, options, tokens)
        expect(new Set(ids).size).toBe(ids.length)
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9)
        for (let i = 1; i < probabilities.length; i++) {
          expect(probabilities[i] ?? NaN).toBeLessThanOrEqual(probabilities[i - 1] ?? NaN)
        }
        if ((options.repetitionPenalty ?? 1) === 1)
          expect((logits[ids[0] ?? -1] ?? NaN) + 0).toBe(Math.max(...logits) + 0)
      }),
    )
  })

  test('a smaller top-k, top-p or a larger min-p keeps a prefix', () => {
    fc.assert(
      fc.property(logitsArbitrary, optionsArbitrary, fc.integer({ min: 1, max: 20 }), (logits, options, topK) => {
        const all = distributionOf({ logits }, { ...options, topK: 0, topP: 1, minP: 0 }, [])
        for (const tighter of [{ topK }, { topP: options.topP ?? 0.5 }, { minP: options.minP ?? 0.2 }]) {
          const few = distributionOf({ logits }, { ...options, topK: 0, topP: 1, minP: 0, ...tighter }, [])
          expect([...few.ids]).toEqual([...all.ids.subarray(0, few.ids.length)])
        }
      }),
    )
  })

  test('the same seed and step draw the same token, wherever the answer is resumed', () => {
    fc.assert(
      fc.property(logitsArbitrary, optionsArbitrary, tokensArbitrary, fc.nat(5000), (logits, options, tokens, step) => {
        const token = sampleToken({ logits }, options, tokens, step)
        expect(sampleToken({ logits: logits.slice() }, options, Uint32Array.from(tokens), step)).toBe(token)
        expect(distributionOf({ logits }, options, tokens).ids).toContain(token)
      }),
    )
  })

  test('greedy takes the largest, the lowest id among equals', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 40 }), (values) => {
        const token = sampleToken({ logits: Float32Array.from(values) }, {}, [], 0)
        expect(token).toBe(values.indexOf(Math.max(...values)))
      }),
    )
  })

  test('candidates give what the whole vocabulary gives, wherever scoresNeeded says they suffice', () => {
    const candidates = 80
    const vocabulary = fc
      .array(fc.float({ noNaN: true, min: -20, max: 20 }), { minLength: 200, maxLength: 200 })
      .map((values) => Float32Array.from(values))
    const tokens = fc.array(fc.nat(199), { maxLength: 100 })
    let sufficed = 0
    fc.assert(
      fc.property(vocabulary, optionsArbitrary, tokens, fc.nat(1000), (logits, drawn, before, step) => {
        const options = { ...drawn, topK: (drawn.topK ?? 0) % 17 }
        if (scoresNeeded(options, candidates) !== 'top') return
        sufficed++
        const order = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
        const ids = Uint32Array.from(order.slice(0, candidates))
        const top = { ids, logits: Float32Array.from(ids, (id) => logits[id] ?? 0) }
        expect(sampleToken(top, options, before, step)).toBe(sampleToken({ logits }, options, before, step))
      }),
      { numRuns: 300 },
    )
    expect(sufficed).toBeGreaterThan(20)
  })
})

test('draws follow the distribution', () => {
  const logits = Float32Array.of(1, 0, -1, 2)
  const options = { temperature: 0.8, seed: 11 }
  const { ids, probabilities } = distributionOf({ logits }, options, [])
  const draws = 8000
  const counts = new Map<number, number>()
  for (let step = 0; step < draws; step++) {
    const token = sampleToken({ logits }, options, [], step)
    counts.set(token, (counts.get(token) ?? 0) + 1)
  }
  for (const [index, id] of ids.entries()) {
    const expected = probabilities[index] ?? 0
    const deviation = Math.abs((counts.get(id) ?? 0) / draws - expected)
    expect(deviation).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / draws))
  }
})

test('only the latest tokens are penalised', () => {
  const logits = Float32Array.of(5, 4.9, 1)
  const options = { repetitionPenalty: 1.5 }
  expect(sampleToken({ logits }, options, [0], 0)).toBe(1)
  expect(sampleToken({ logits }, options, [0, ...new Array<number>(REPETITION_WINDOW).fill(2)], 0)).toBe(0)
})

test('asks the head for no more than the options need', () => {
  expect(scoresNeeded({}, 256)).toBe('token')
  expect(scoresNeeded({ temperature: 1, topK: 40 }, 256)).toBe('top')
  expect(scoresNeeded({ temperature: 1, topK: 300 }, 256)).toBe('logits')
  expect(scoresNeeded({ temperature: 1 }, 256)).toBe('logits')
  expect(scoresNeeded({ repetitionPenalty: 1.1 }, 256)).toBe('top')
  expect(scoresNeeded({ temperature: 1, topK: 200, repetitionPenalty: 1.1 }, 256)).toBe('logits')
  expect(scoresNeeded({ temperature: 1, topK: 40, repetitionPenalty: 0.9 }, 256)).toBe('logits')
})

test('refuses logits that are not numbers, and options out of range, by name', () => {
  const nan = { code: 'GPU_FAILED' }
  expect(() => sampleToken({ logits: Float32Array.of(1, NaN) }, {}, [], 0)).toThrow(expect.objectContaining(nan))
  expect(() => sampleToken({ logits: new Float32Array(0) }, {}, [], 0)).toThrow('no logits')
  for (const [name, value] of Object.entries({
    temperature: -1,
    topK: 1.5,
    topP: 0,
    minP: 2,
    repetitionPenalty: 0,
    seed: 2 ** 60,
  })) {
    expect(() => checkSamplingOptions({ [name]: value })).toThrow(name)
  }
  expect(() => checkSamplingOptions({ temperature: 0.8, topK: 40, topP: 0.9, minP: 0.05, seed: -3 })).not.toThrow()
})
