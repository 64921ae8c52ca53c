// SVD: the update of a given rank that is nearest to the weighted average of ΔW, and how far off it is.
// Eckart and Young, "The approximation of one matrix by another of lower rank" (1936); PEFT's `combination_type="svd"`.

import { largestRank, sumUpdates, type AdapterOperator } from '#core/merge/adapter-operator.ts'
import { averageParameters, averageWeights, checkAverage } from '#core/merge/adapter-average.ts'

export const LORA_SVD: AdapterOperator = {
  name: 'lora_svd',
  title: 'Averaged adapters, cut back to a rank',
  source: 'https://huggingface.co/docs/peft/package_reference/lora',
  base: 'none',
  random: false,
  parents: { min: 1, max: Infinity },
  parameters: averageParameters,
  check: (values) => checkAverage(LORA_SVD, values),
  rankOf: (ranks, wanted) => wanted ?? largestRank(ranks),
  merge: ({ parents }, values, rank) => sumUpdates(parents, averageWeights(values), rank),
}
