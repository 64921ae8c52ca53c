import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBatchPlan } from '#core/training/batches.ts'
import { splitHeldOut } from '#core/training/held-out.ts'
import { NO_TARGET, packSequences } from '#core/training/pack-sequences.ts'
import type { TokenisedDocument } from '#core/training/tokenise-documents.ts'

function document(tokens: readonly number[], counted = tokens.map((_, i) => Number(i > 0))): TokenisedDocument {
  return { file: 'f', line: 1, tokens: Uint32Array.from(tokens), counted: Uint8Array.from(counted) }
}

test('packs with boundaries and targets', () => {
  const packed = packSequences([document([1, 2, 3]), document([4, 5, 6, 7], [0, 0, 1, 1])], 5)
  expect(
    packed.map(({ tokens, targets, starts, counted }) => [[...tokens], [...targets], [...starts], counted]),
  ).toEqual([[[4, 5, 6, 1, 2], [NO_TARGET, 6, 7, 2, 3], [0, 0, 0, 3, 3], 4]])
})

test('a cut loses no target', () => {
  const packed = packSequences([document([1, 2, 3, 4, 5, 6])], 3)
  expect(packed.map(({ tokens, targets }) => [[...tokens], [...targets]])).toEqual([
    [
      [1, 2, 3],
      [2, 3, 4],
    ],
    [
      [4, 5],
      [5, 6],
    ],
  ])
})

const documents = fc.array(
  fc.array(fc.tuple(fc.nat(50), fc.boolean()), { minLength: 1, maxLength: 40 }).map((tokens) =>
    document(
      tokens.map(([token]) => token),
      tokens.map(([, counts], i) => Number(i > 0 && counts)),
    ),
  ),
  { minLength: 1, maxLength: 30 },
)

test('every counted token is a target exactly once, and no sequence is too long', () => {
  fc.assert(
    fc.property(documents, fc.integer({ min: 2, max: 16 }), (all, length) => {
      const packed = packSequences(all, length)
      const pairs = (list: readonly [number, number][]) => list.map(([a, b]) => `${a} ${b}`).sort()
      const want = all.flatMap(({ tokens, counted }) =>
        [...counted].flatMap((counts, i): [number, number][] =>
          counts === 1 ? [[tokens[i - 1] as number, tokens[i] as number]] : [],
        ),
      )
      const got = packed.flatMap(({ tokens, targets }) =>
        [...targets].flatMap((target, i): [number, number][] =>
          target === NO_TARGET ? [] : [[tokens[i] as number, target]],
        ),
      )
      expect(pairs(got)).toEqual(pairs(want))
      for (const { tokens, starts, counted, targets } of packed) {
        expect(tokens.length).toBeLessThanOrEqual(length)
        expect(counted).toBe([...targets].filter((target) => target !== NO_TARGET).length)
        expect(counted).toBeGreaterThan(0)
        starts.forEach((start, i) => expect(start === i || starts[i - 1] === start).toBe(true))
      }
    }),
    { numRuns: 60 },
  )
})

describe('batches', () => {
  test('show every sequence once an epoch, in an order of its own', () => {
    const plan = createBatchPlan(7, 10, 5)
    const epochs = [0, 1, 2].map((epoch) => [plan.batchAt(2 * epoch), plan.batchAt(2 * epoch + 1)].flat())
    for (const epoch of epochs) {
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i))
    }
    expect(new Set(epochs.map(String)).size).toBe(3)
  })

  test('follow from seed and step alone, over epochs that do not divide', () => {
    const unbroken = createBatchPlan(7, 7, 3)
    const steps = Array.from({ length: 12 }, (_, step) => unbroken.batchAt(step))
    const resumed = createBatchPlan(7, 7, 3)
    expect([9, 10, 11].map((step) => resumed.batchAt(step))).toEqual(steps.slice(9))
    expect(
      steps
        .flat()
        .slice(0, 35)
        .filter((index) => index === 4),
    ).toHaveLength(5)
    expect(createBatchPlan(8, 7, 3).batchAt(0)).not.toEqual(steps[0])
  })
})

describe('holding out', () => {
  const many = Array.from({ length: 40 }, (_, i) => document([i, i + 1, i + 2]))

  test('takes whole documents of many, the same for the same seed', () => {
    const { train, heldOut } = splitHeldOut(many, 0.1, 5)
    expect(heldOut).toHaveLength(4)
    expect([...train, ...heldOut].sort((a, b) => (a.tokens[0] ?? 0) - (b.tokens[0] ?? 0))).toEqual(many)
    expect(splitHeldOut(many, 0.1, 5).heldOut).toEqual(heldOut)
    expect(splitHeldOut(many, 0.1, 6).heldOut).not.toEqual(heldOut)
  })

  test('takes the ends of few', () => {
    const book = document(Array.from({ length: 200 }, (_, i) => i))
    const short = document([1, 2, 3])
    const { train, heldOut } = splitHeldOut([book, short], 0.1, 5)
    expect(train.map(({ tokens }) => tokens.length)).toEqual([180, 3])
    expect([...(heldOut[0]?.tokens ?? [])]).toEqual(Array.from({ length: 20 }, (_, i) => 180 + i))
    expect(heldOut).toHaveLength(1)
  })

  test('takes nothing when told so', () => {
    expect(splitHeldOut(many, 0, 5)).toEqual({ train: many, heldOut: [] })
    expect(() => splitHeldOut(many, 1, 5)).toThrow(/held-out/)
  })
})
