// Every operator against mergekit's own output on the same tensors (test/vectors/merge/make_merges.py).

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bindParameters, type GivenParameters } from '#core/merge/parameters.ts'
import { findOperator, MERGE_OPERATORS } from '#core/merge/registry.ts'

interface Vectors {
  readonly inputs: Record<string, { shape: number[]; base: number[]; parents: number[][] }>
  readonly cases: {
    operator: string
    input: string
    parents: number[]
    base: boolean
    parameters: GivenParameters
    seed: number
    expected: number[]
  }[]
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/merge/operators.json', import.meta.url), 'utf8'),
) as Vectors

/** Relative for each element, and one unit in the last place of the largest, where terms of that size cancelled. */
const RELATIVE = 1e-5
const LAST_PLACE = 2 ** -23

describe.each(MERGE_OPERATORS.map((operator) => operator.name))('%s is what mergekit makes it', (name) => {
  const operator = findOperator(name)
  const cases = vectors.cases.filter((item) => item.operator === name)

  test('there are cases', () => expect(cases.length).toBeGreaterThan(1))

  test.each(cases.map((item) => [item.input, JSON.stringify(item.parameters), item] as const))(
    '%s %s',
    (_a, _b, item) => {
      const data = vectors.inputs[item.input]!
      const parents = item.parents.map((index) => Float32Array.from(data.parents[index]!))
      const values = bindParameters(operator, item.parameters, parents.length)
      const base = item.base ? Float32Array.from(data.base) : null
      const group = { name: `${item.input}.weight`, shape: data.shape, base, parents }
      const merged = operator.merge(group, values, item.seed)
      const largest = Math.max(...item.expected.map(Math.abs), ...data.base.map(Math.abs))
      expect(merged.length).toBe(item.expected.length)
      for (const [i, expected] of item.expected.entries()) {
        const error = Math.abs(merged[i]! - expected)
        const bound = RELATIVE * Math.abs(expected) + LAST_PLACE * largest
        if (!(error <= bound)) {
          expect.fail(`element ${i}: ${merged[i]} instead of ${expected}, off by ${error}, allowed is ${bound}`)
        }
      }
      // The inputs are as they were.
      expect(parents).toEqual(item.parents.map((index) => Float32Array.from(data.parents[index]!)))
      if (base !== null) expect(base).toEqual(Float32Array.from(data.base))
    },
  )
})
