// Stacking: the exact weighted average of ΔW. A goes above A and B beside B, so ranks add up and nothing is lost.
// PEFT's `add_weighted_adapter(combination_type="cat")`, https://huggingface.co/docs/peft.

import { stack } from '#core/merge/low-rank.ts'
import { sumOfRanks, type AdapterOperator } from '#core/merge/adapter-operator.ts'
import { averageParameters, averageWeights, checkAverage } from '#core/merge/adapter-average.ts'
import { refuse } from '#core/merge/parameters.ts'

export const LORA_STACK: AdapterOperator = {
  name: 'lora_stack',
  title: 'Stacked adapters (exact)',
  source: 'https://huggingface.co/docs/peft/package_reference/lora',
  base: 'none',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: averageParameters,
  check: (values) => checkAverage(LORA_STACK, values),
  rankOf(ranks, wanted) {
    const rank = sumOfRanks(ranks)
    if (wanted === undefined || wanted === rank) return rank
    throw refuse(LORA_STACK, `keeps every rank: ${rank} here, not ${wanted}. Use lora_svd for another`)
  },
  merge: ({ parents }, values, rank) => ({ update: stack(parents, averageWeights(values), rank), residual: 0 }),
}
