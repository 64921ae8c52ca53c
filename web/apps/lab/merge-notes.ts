// What an operator's result is worth: exact, the nearest of a rank, or not what its name suggests.

import { ADAPTER_OPERATORS, MERGE_OPERATORS } from '#core/merge/registry.ts'
import { operatorTitle } from './genome-words.ts'
import { exchangeWords } from './words/lab-words.ts'

export interface OperatorChoice {
  readonly value: string
  readonly label: string
  readonly group: string
}

export function operatorChoices(): readonly OperatorChoice[] {
  const words = exchangeWords().merge
  const choice = (group: string) => (operator: { readonly name: string }) => ({
    value: operator.name,
    label: `${operatorTitle(operator.name)} · ${operator.name}`,
    group,
  })
  return [...ADAPTER_OPERATORS.map(choice(words.averages)), ...MERGE_OPERATORS.map(choice(words.asInMergekit))]
}

export interface MergeNote {
  readonly exact: boolean
  readonly words: string
}

export function noteOn(operator: string): MergeNote {
  const { notes } = exchangeWords().merge
  if (operator === 'lora_linear') return { exact: false, words: notes.linear }
  if (operator === 'lora_stack') return { exact: true, words: notes.stack }
  if (operator === 'lora_svd') return { exact: true, words: notes.svd }
  const weighted = MERGE_OPERATORS.some(({ name, coefficients }) => name === operator && coefficients !== undefined)
  return weighted ? { exact: true, words: notes.weighted } : { exact: false, words: notes.cutBack }
}
