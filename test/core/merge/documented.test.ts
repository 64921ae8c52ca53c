// docs/merging.md lists every operator, with the parameters and defaults that it has.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ADAPTER_OPERATORS, MERGE_OPERATORS } from '#core/merge/registry.ts'

const page = readFileSync(new URL('../../../docs/merging.md', import.meta.url), 'utf8')
const rows = new Map(
  [...page.matchAll(/^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|/gm)].map(([, name, base, parents, parameters]) => [
    name!,
    { base: base!, parents: parents!, parameters: parameters! },
  ]),
)
const family = /^¹ ([^.]*)\./m.exec(page)?.[1] ?? ''

/** `weight 1, normalize true` by name; what stands later wins. */
const defaultsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/`(\w+)` (true|false|\(needed\)|[\d.e-]+)/g)].map(([, name, value]) => [name!, value!]),
  )

test('all of them, and no others', () => {
  expect([...rows.keys()]).toEqual([...MERGE_OPERATORS, ...ADAPTER_OPERATORS].map((operator) => operator.name))
})

test.each([...MERGE_OPERATORS, ...ADAPTER_OPERATORS].map((operator) => [operator.name, operator] as const))(
  '%s',
  (name, operator) => {
    const row = rows.get(name)!
    const written = defaultsOf(row.parameters.includes('family') ? `${family} ${row.parameters}` : row.parameters)
    const spec = Object.fromEntries(
      operator.parameters.map((item) => [item.name, item.default === null ? '(needed)' : item.default]),
    )
    expect(Object.fromEntries(Object.entries(written).map(([key, value]) => [key, parse(value)]))).toEqual(spec)
    expect(row.base).toBe({ none: '–', optional: 'optional', origin: 'origin', endpoint: 'end' }[operator.base])
    const { min, max } = operator.parents
    expect(row.parents).toBe(max === Infinity ? `${min}+` : String(max))
  },
)

const parse = (value: string): string | number | boolean =>
  value === '(needed)' ? value : value === 'true' || value === 'false' ? value === 'true' : Number(value)
