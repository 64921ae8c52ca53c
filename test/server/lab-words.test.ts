// German words for what the core says in English: none may be missing, and none may be left of what is said no more.

import { expect, test } from 'vitest'
import { LAYER_NAMES } from '#core/gate/layer.ts'
import { ADAPTER_OPERATORS, MERGE_OPERATORS } from '#core/merge/registry.ts'
import { exchangeDe } from '../../web/apps/lab/words/exchange-de.ts'
import { MEANINGS_DE, OPERATOR_TITLES_DE } from '../../web/apps/lab/words/operators-de.ts'

const operators = [...ADAPTER_OPERATORS, ...MERGE_OPERATORS]

test('every parameter of every operator has its meaning in German', () => {
  const meanings = new Set(operators.flatMap(({ parameters }) => parameters.map(({ meaning }) => meaning)))
  expect(Object.keys(MEANINGS_DE).sort()).toEqual([...meanings].sort())
})

test('titles are translated of operators that exist', () => {
  const names = new Set(operators.map(({ name }) => name))
  expect(Object.keys(OPERATOR_TITLES_DE).filter((name) => !names.has(name))).toEqual([])
  expect(exchangeDe.operatorTitle('ties', 'TIES')).toBe('TIES')
})

test('every layer of the gate has its sentence, and a code of a later version keeps its own', () => {
  for (const layer of LAYER_NAMES) expect(exchangeDe.finding(layer, 'PASSED', 'English')).not.toBe('English')
  expect(exchangeDe.finding('format', 'NOT_FINITE', 'English')).toContain('Zahlen')
  expect(exchangeDe.finding('format', 'SOMETHING_NEW', 'English')).toBe('English')
})
