// Operators whose result is a weighted sum of their inputs, with weights that follow from the inputs' inner products alone.
// Stated so, one definition serves whole tensors and low-rank updates, which never need to be multiplied out.

import type { InnerProducts, MergeGroup, MergeOperator, MergeValues } from '#core/merge/operator.ts'
import { combine, dot, lazyInnerProducts, taskVectors } from '#core/merge/tensor-arithmetic.ts'

type Coefficients = (products: InnerProducts, values: MergeValues, name: string) => readonly number[] | null

type SpanDefinition = Omit<MergeOperator, 'merge' | 'random' | 'coefficients'> & {
  readonly coefficients: Coefficients
  /** For values with which the result is no such sum. */
  readonly otherwise?: (group: MergeGroup, values: MergeValues) => Float32Array
}

export function createSpanOperator({ otherwise, ...definition }: SpanDefinition): MergeOperator {
  return {
    ...definition,
    random: false,
    merge(group, values) {
      const { base, parents, name } = group
      const endpoint = definition.base === 'endpoint' && base !== null
      const vectors = endpoint ? [base, ...parents] : taskVectors(group)
      const products = lazyInnerProducts(vectors.length, (i, j) => dot(vectors[i]!, vectors[j]!))
      const coefficients = definition.coefficients(products, values, name)
      if (coefficients === null && otherwise !== undefined) return otherwise(group, values)
      return combine(endpoint ? null : base, vectors, coefficients ?? [])
    },
  }
}
