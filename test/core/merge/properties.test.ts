// What must hold of every operator on any tensors: equal parents, order of parents, scale, weights, purity.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDraws } from '#core/merge/draws.ts'
import { keepByMagnitude, createMagnitudeRanker } from '#core/merge/magnitude-order.ts'
import type { MergeGroup, MergeOperator } from '#core/merge/operator.ts'
import { bindParameters, type GivenParameters } from '#core/merge/parameters.ts'
import { findOperator, MERGE_OPERATORS } from '#core/merge/registry.ts'

const RUNS = 40

/** A value for the parameters that have no default. */
const NEEDED: GivenParameters = { t: 0.3 }

function merge(operator: MergeOperator, group: MergeGroup, given: GivenParameters = {}, seed = 5): Float32Array {
  const needed = operator.parameters.filter((spec) => spec.default === null).map((spec) => spec.name)
  const filled = { ...Object.fromEntries(needed.map((name) => [name, NEEDED[name]!])), ...given }
  return operator.merge(group, bindParameters(operator, filled, group.parents.length), seed)
}

/** Values with a fair share of zeros and repeats, never so small that a bound of an operator takes them for zero. */
const element = fc
  .oneof(fc.constant(0), fc.integer({ min: -8, max: 8 }), fc.float({ min: -4, max: 4, noNaN: true }))
  .map((x) => (Math.abs(x) < 0.01 ? 0 : Math.fround(x)))

const groupOf = (operator: MergeOperator, most = 4): fc.Arbitrary<MergeGroup> =>
  fc
    .record({
      rows: fc.integer({ min: 1, max: 4 }),
      columns: fc.integer({ min: 1, max: 6 }),
      count: fc.integer({ min: operator.parents.min, max: Math.min(most, operator.parents.max) }),
      withBase:
        operator.base === 'none' ? fc.constant(false) : operator.base === 'optional' ? fc.boolean() : fc.constant(true),
    })
    .chain(({ rows, columns, count, withBase }) => {
      const tensor = fc
        .array(element, { minLength: rows * columns, maxLength: rows * columns })
        .map((list) => Float32Array.from(list))
      return fc.record({
        name: fc.constant('layer.weight'),
        shape: fc.constant([rows, columns]),
        base: withBase ? tensor : fc.constant(null),
        parents: fc.array(tensor, { minLength: count, maxLength: count }),
      })
    })

function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length)
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs))
  for (let i = 0; i < actual.length; i++) {
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance * largest)) {
      expect.fail(`element ${i} is ${actual[i]}, not ${expected[i]}`)
    }
  }
}

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void =>
  fc.assert(fc.property(arbitrary, property), { numRuns: RUNS })

/** Merging parents that cancel is refused, not answered. */
function unlessCancelling(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof Error && /cancel out/.test(error.message))) throw error
  }
}

function meanDirectionLength(parents: readonly Float32Array[]): number {
  const sum = new Float64Array(parents[0]!.length)
  for (const parent of parents) {
    const length = Math.hypot(...parent)
    if (length > 0) parent.forEach((value, i) => (sum[i]! += value / length / parents.length))
  }
  return Math.hypot(...sum)
}

describe.each(MERGE_OPERATORS.map((operator) => [operator.name, operator] as const))('%s', (_name, operator) => {
  test('leaves its inputs as they are and gives the same bits again', () => {
    check(groupOf(operator), (group) =>
      unlessCancelling(() => {
        const copy = structuredClone(group)
        const given = operator.parameters.some((spec) => spec.name === 'density') ? { density: 0.6 } : {}
        const first = merge(operator, group, given)
        expect(group).toEqual(copy)
        expect(merge(operator, copy, given)).toEqual(first)
      }),
    )
  })

  test('gives a tensor of the same size, finite where its inputs are', () => {
    check(groupOf(operator), (group) =>
      unlessCancelling(() => {
        const merged = merge(operator, group)
        expect(merged.length).toBe(group.parents[0]!.length)
        expect(merged.every(Number.isFinite)).toBe(true)
      }),
    )
  })

  // RAM counts equal changes as shared and averages them, task arithmetic adds up what it is not told to average.
  const averaging = operator.parameters.some((spec) => spec.name === 'normalize') ? { normalize: true } : {}
  test('of equal parents is that parent', () => {
    if (operator.name === 'passthrough') return
    check(groupOf(operator), (group) => {
      const parent = group.parents[0]!
      const base = operator.base === 'endpoint' ? parent : group.base
      const equal = { ...group, base, parents: group.parents.map(() => parent) }
      expectClose(merge(operator, equal, averaging), parent, 2e-5)
    })
  })

  test('does not change when base and parents are all the same', () => {
    check(groupOf(operator), (group) => {
      const parent = group.parents[0]!
      const same = {
        ...group,
        base: operator.base === 'none' ? null : parent,
        parents: group.parents.map(() => parent),
      }
      expectClose(merge(operator, same, averaging), parent, 2e-5)
    })
  })
})

const ORDERLESS = [
  'linear',
  'task_arithmetic',
  'multislerp',
  'karcher',
  'ties',
  'breadcrumbs',
  'breadcrumbs_ties',
  'sce',
  'model_stock',
  'ram',
  'ramplus_tl',
]

test.each(ORDERLESS)('%s does not depend on the order of its parents', (name) => {
  const operator = findOperator(name)
  check(groupOf(operator), (group) =>
    unlessCancelling(() => {
      // Of directions that cancel there is no mean, and the first one is taken.
      if (name === 'karcher') fc.pre(meanDirectionLength(group.parents) > 0.01)
      const reversed = { ...group, parents: [...group.parents].reverse() }
      const weight = group.parents.map((_, i) => 0.5 + i)
      const weighted = operator.parameters.some((spec) => spec.name === 'weight')
      const forwards = merge(operator, group, weighted ? { weight } : {})
      const backwards = merge(operator, reversed, weighted ? { weight: [...weight].reverse() } : {})
      expectClose(forwards, backwards, 2e-5)
    }),
  )
})

test.each(['slerp', 'nuslerp'])('%s from the other end is the same arc', (name) => {
  const operator = findOperator(name)
  const there = { ...NEEDED, t: 0.25 }
  check(groupOf(operator), (group) => {
    if (name === 'slerp') {
      const back = { ...group, base: group.parents[0]!, parents: [group.base!] }
      expectClose(merge(operator, group, there), merge(operator, back, { t: 0.75 }))
    } else {
      const back = { ...group, parents: [...group.parents].reverse() }
      expectClose(merge(operator, group, { weight: [1, 3] }), merge(operator, back, { weight: [3, 1] }))
    }
  })
})

// A common factor of all inputs is one of the result: no operator below has a length built in.
test.each([
  'linear',
  'task_arithmetic',
  'slerp',
  'nuslerp',
  'ties',
  'dare_linear',
  'dare_ties',
  'della',
  'della_linear',
  'breadcrumbs',
  'breadcrumbs_ties',
])('%s scales with its inputs', (name) => {
  const operator = findOperator(name)
  const density = operator.parameters.some((spec) => spec.name === 'density') ? { density: 0.5 } : {}
  check(groupOf(operator), (group) => {
    const times = (values: Float32Array) => values.map((value) => value * 4)
    const scaled = { ...group, base: group.base && times(group.base), parents: group.parents.map(times) }
    expectClose(merge(operator, scaled, density), times(merge(operator, group, density)))
  })
})

test.each(['linear', 'nuslerp', 'multislerp', 'ties', 'della'])('%s heeds only the ratio of weights', (name) => {
  const operator = findOperator(name)
  check(groupOf(operator), (group) =>
    unlessCancelling(() => {
      const weight = group.parents.map((_, i) => 1 + i)
      const threefold = weight.map((value) => value * 4)
      expectClose(merge(operator, group, { weight: threefold }), merge(operator, group, { weight }))
    }),
  )
})

describe('draws', () => {
  const operator = findOperator('dare_linear')
  const group = (name: string, parents: number): MergeGroup => ({
    name,
    shape: [20, 50],
    base: null,
    parents: Array.from({ length: parents }, () => new Float32Array(1000).fill(1)),
  })
  const kept = (name: string, seed: number): Float32Array =>
    merge(operator, group(name, 1), { density: 0.3, rescale: false }, seed)

  test('keep the wanted share', () => {
    const share = kept('a', 1).reduce((sum, value) => sum + value, 0) / 1000
    // Five standard deviations.
    expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 1000))
  })

  test('differ by seed, by tensor and by parent', () => {
    expect(kept('a', 1)).not.toEqual(kept('a', 2))
    expect(kept('a', 1)).not.toEqual(kept('b', 1))
    const both = merge(operator, group('a', 2), { density: 0.3, rescale: false }, 1)
    expect(both).not.toEqual(kept('a', 1).map((value) => 2 * value))
    expect(both.some((value) => value === 1)).toBe(true)
  })

  test('do not depend on the order in which they are asked for', () => {
    const forwards = createDraws(3, 'w', 1)
    const backwards = createDraws(3, 'w', 1)
    const list = Array.from({ length: 50 }, (_, i) => forwards(i))
    expect(Array.from({ length: 50 }, (_, i) => backwards(49 - i)).reverse()).toEqual(list)
  })
})

describe('order by magnitude', () => {
  const list = fc.array(element, { minLength: 1, maxLength: 40 }).map((values) => Float32Array.from(values))
  const sorted = (values: Float32Array): number[] =>
    Array.from(values, (_, i) => i).sort((a, b) => Math.abs(values[a]!) - Math.abs(values[b]!) || a - b)

  test('ranks as a stable sort does', () => {
    check(list, (values) => {
      const ranks = new Array<number>(values.length)
      sorted(values).forEach((index, place) => (ranks[index] = place))
      const places = new Uint32Array(values.length)
      const rank = createMagnitudeRanker(values.length)
      // What an earlier row left behind plays no part.
      rank(values.slice().reverse(), places)
      rank(values, places)
      expect(Array.from(places)).toEqual(ranks)
    })
  })

  test('ranks rows that are too long for short digits', () => {
    const values = Float32Array.from({ length: 5000 }, (_, i) => Math.round(1e3 * Math.sin(i * i)) / 64)
    const ranks = new Uint32Array(values.length)
    sorted(values).forEach((index, place) => (ranks[index] = place))
    const places = new Uint32Array(values.length)
    createMagnitudeRanker(values.length)(values, places)
    expect(places).toEqual(ranks)
  })

  test('keeps a range of places, of equal ones the first or the last', () => {
    check(fc.tuple(list, fc.nat(), fc.nat()), ([values, a, b]) => {
      const [first = 0, last = 0] = [a % (values.length + 1), b % (values.length + 1)].sort((x, y) => x - y)
      const earlier = new Set(sorted(values).slice(first, last))
      const kept = values.slice()
      keepByMagnitude(kept, first, last, 'earlier')
      expect(kept).toEqual(values.map((value, i) => (earlier.has(i) ? value : 0)))

      const reversed = values.slice().reverse()
      const later = new Set(
        sorted(reversed)
          .slice(first, last)
          .map((index) => values.length - 1 - index),
      )
      const others = values.slice()
      keepByMagnitude(others, first, last, 'later')
      expect(others).toEqual(values.map((value, i) => (later.has(i) ? value : 0)))
    })
  })
})

describe('parameters are checked by name', () => {
  test.each<[string, GivenParameters, number, RegExp]>([
    ['ties', { densty: 0.5 }, 2, /no parameter "densty"; it has weight, density/],
    ['ties', { density: 1.5 }, 2, /from 0 to 1 as "density", not 1.5/],
    ['ties', { density: [0.5] }, 2, /one "density" for each parent: 2, but there are 1/],
    ['ties', { lambda: [1, 2] }, 2, /single value for "lambda"/],
    ['ties', { normalize: 0.5 }, 2, /true or false as "normalize"/],
    ['karcher', { max_iter: 2.5 }, 2, /a whole number as "max_iter"/],
    ['slerp', {}, 1, /needs the parameter "t": 0 gives the base/],
    ['linear', { weight: [1, -1] }, 2, /weights that add up to 0/],
    ['multislerp', { weight: [1, -1] }, 2, /weights that add up to 0/],
    ['della', { density: 0.9 }, 2, /density ± epsilon between 0 and 1, but they are 0.9 ± 0.15/],
    ['linear', { weight: Number.NaN }, 1, /a number as "weight"/],
  ])('%s %j', (name, given, parents, message) => {
    expect(() => bindParameters(findOperator(name), given, parents)).toThrow(message)
  })

  test('an unknown operator is answered with the names there are', () => {
    expect(() => findOperator('tie')).toThrow(/no merge operator "tie". There are: linear, task_arithmetic/)
  })
})
