// What an operator's result is worth: exact, the nearest of a rank, or not what its name suggests.

import { ADAPTER_OPERATORS, MERGE_OPERATORS } from '#core/merge/registry.ts'

export interface OperatorChoice {
  readonly value: string
  readonly label: string
  readonly group: string
}

export const OPERATOR_CHOICES: readonly OperatorChoice[] = [
  ...ADAPTER_OPERATORS.map(({ name, title }) => ({
    value: name,
    label: `${title} · ${name}`,
    group: 'Averages of adapters',
  })),
  ...MERGE_OPERATORS.map(({ name, title }) => ({ value: name, label: `${title} · ${name}`, group: 'As in mergekit' })),
]

export interface MergeNote {
  readonly exact: boolean
  readonly words: string
}

export function noteOn(operator: string): MergeNote {
  if (operator === 'lora_linear') {
    return {
      exact: false,
      words:
        'Averaging A and B apart is not the average of the adapters: the product of two averages also holds every B with ' +
        'every other A, and an adapter averaged so with itself comes out doubled. It is here because PEFT has it. Stacking and ' +
        'SVD average the updates themselves.',
    }
  }
  if (operator === 'lora_stack') {
    return { exact: true, words: 'Exact: the average of the updates ΔW themselves. The ranks add up.' }
  }
  if (operator === 'lora_svd') {
    return {
      exact: true,
      words:
        'The average of the updates ΔW themselves, cut back to a rank; nothing of that rank is nearer. Exact from the sum of ' +
        'the parents’ ranks on.',
    }
  }
  const weighted = MERGE_OPERATORS.some(({ name, coefficients }) => name === operator && coefficients !== undefined)
  return weighted
    ? {
        exact: true,
        words: 'A weighted sum of the updates ΔW. Exact, with the ranks added up, unless you ask for a lower rank.',
      }
    : {
        exact: false,
        words:
          'Works on every element of ΔW by itself. What comes out has no low rank any more and is cut back to one, which can ' +
          'lose much of it: judge the result by what it does.',
      }
}
