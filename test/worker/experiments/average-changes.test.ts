// Averages of changes against products multiplied out by hand.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededConfig } from '#core/training/seeded-model.ts'
import {
  addUpdates,
  averageBySvd,
  averageFactors,
  combineUpdates,
  mergeUpdates,
  updatesOf,
} from '../../../worker/experiments/average-changes.ts'
import type { Change } from '../../../worker/train/learner.ts'

type LoraChange = Extract<Change, { kind: 'lora' }>

const config = seededConfig('gpt2')
const MODULE = 'blk.0.attn_output'
const WEIGHT = `${MODULE}.weight`
const NOTHING = new Map([[WEIGHT, new Float32Array(6)]])

/** Rank 1 over a 3 × 2 matrix, scaled by 2. */
const lora = (a: readonly number[], b: readonly number[]): LoraChange => ({
  kind: 'lora',
  freezeA: false,
  adapter: {
    lora: { targets: ['attn_output'], rank: 1, alpha: 2, rankStabilised: false },
    modules: new Map([[MODULE, { a: Float32Array.from(a), b: Float32Array.from(b) }]]),
  },
})
const product = (a: readonly number[], b: readonly number[]) => b.flatMap((y) => a.map((x) => 0 + 2 * x * y))
const updateOf = (change: Change) => [...(updatesOf(change, NOTHING, config).get(WEIGHT) ?? [])]

const value = fc.integer({ min: -8, max: 8 })
const pair = fc.record({ a: fc.tuple(value, value), b: fc.tuple(value, value, value) })

test('ΔW is the product of the factors, and the exact average is that of ΔW', () => {
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 5 }), (pairs) => {
      const changes = pairs.map(({ a, b }) => lora(a, b))
      for (const [i, { a, b }] of pairs.entries()) expect(updateOf(changes[i]!)).toEqual(product(a, b))
      const updates = changes.map((change) => updatesOf(change, NOTHING, config))
      const merged = mergeUpdates(
        'exact',
        updates,
        updates.map(() => 1 / updates.length),
        0,
      ).get(WEIGHT)
      const sums = pairs.map(({ a, b }) => product(a, b))
      for (let i = 0; i < 6; i++) {
        const mean = sums.reduce((sum, each) => sum + (each[i] ?? 0), 0) / pairs.length
        expect(merged?.[i]).toBeCloseTo(mean, 4)
      }
    }),
  )
})

test('means of factors are exact where A is shared, and not else', () => {
  const shared = averageFactors([lora([1, 2], [1, 0, 3]), lora([1, 2], [3, 2, 1])])
  expect(updateOf(shared)).toEqual(product([1, 2], [2, 1, 2]))
  // Each changes one column; their factors' mean changes both by half of what the mean of ΔW does.
  const apart = averageFactors([lora([1, 0], [2, 0, 0]), lora([0, 1], [2, 0, 0])])
  expect(updateOf(apart)).toEqual([2, 2, 0, 0, 0, 0])
})

test('cut back by an SVD, the mean of updates of one direction is kept whole', () => {
  const kept = updateOf(averageBySvd([lora([1, 2], [1, 0, 3]), lora([2, 4], [1, 0, 3])]))
  for (const [i, wanted] of product([1.5, 3], [1, 0, 3]).entries()) expect(kept[i]).toBeCloseTo(wanted, 4)
  // Of two directions at right angles the longer one stays.
  const [longer] = [updateOf(averageBySvd([lora([1, 0], [0, 4, 0]), lora([0, 1], [1, 0, 0])]))]
  for (const [i, wanted] of [0, 0, 4, 0, 0, 0].entries()) expect(longer[i]).toBeCloseTo(wanted, 4)
})

test('operators work on ΔW; learned weights are factors as they are', () => {
  const one = new Map([[WEIGHT, Float32Array.of(4, -3, 0.1, 0, 2, 0.2)]])
  const other = new Map([[WEIGHT, Float32Array.of(2, 3, 0.1, 0, 2, 0.2)]])
  const of = (operator: Parameters<typeof mergeUpdates>[0], weights: number[]) => [
    ...(mergeUpdates(operator, [one, other], weights, 7).get(WEIGHT) ?? []),
  ]
  expect(of('learned', [2, 0.5])[0]).toBe(9)
  // TIES keeps the largest half of each, drops what they disagree on, and averages the rest.
  expect(of('ties', [0.5, 0.5])[0]).toBe(3)
  expect(of('ties', [0.5, 0.5])[5]).toBe(0)
  expect(of('dare-ties', [0.5, 0.5])).toEqual(of('dare-ties', [0.5, 0.5]))
  const length = (values: readonly number[]) => Math.hypot(...values)
  expect(length(of('slerp', [0.5, 0.5]))).toBeGreaterThan(length(of('exact', [0.5, 0.5])))
})

test('updates are added to weights, and velocities to updates', () => {
  const weights = new Map([
    [WEIGHT, Float32Array.of(1, 1, 1, 1, 1, 1)],
    ['output_norm.weight', Float32Array.of(5)],
  ])
  const update = new Map([[WEIGHT, Float32Array.of(1, 2, 3, 4, 5, 6)]])
  const after = addUpdates(weights, update, 2)
  expect([...(after.get(WEIGHT) ?? [])]).toEqual([3, 5, 7, 9, 11, 13])
  expect(after.get('output_norm.weight')).toBe(weights.get('output_norm.weight'))
  expect([...(combineUpdates(update, 0.5, update).get(WEIGHT) ?? [])]).toEqual([1.5, 3, 4.5, 6, 7.5, 9])
  expect(combineUpdates(new Map(), 0.5, update)).toEqual(update)
})
