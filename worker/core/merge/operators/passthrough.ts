// Passthrough: the one parent as it is, or scaled. mergekit uses it to stack layers of several models ("Frankenmerging").

import type { MergeOperator } from '#core/merge/operator.ts'
import { parentValues } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'

export const PASSTHROUGH: MergeOperator = createSpanOperator({
  name: 'passthrough',
  title: 'Passthrough',
  source: 'https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md',
  base: 'none',
  parents: { min: 1, max: 1 },
  parameters: [{ name: 'scale', type: 'number', scope: 'parent', default: 1, meaning: 'factor of every element' }],
  coefficients: (_products, values) => parentValues(values, 'scale'),
})
