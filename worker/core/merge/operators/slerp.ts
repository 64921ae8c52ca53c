// SLERP: along the great circle from one tensor to another. Shoemake, "Animating rotation with quaternion curves",
// SIGGRAPH 1985. The angle is that between the tensors as flat vectors; their lengths are left as they are.

import type { MergeOperator } from '#core/merge/operator.ts'
import { sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'

/** Vectors closer to parallel or antiparallel than this are interpolated along the straight line. */
const DOT_THRESHOLD = 0.9995
/** Lengths up to this are taken for 1. */
const TINY_NORM = 1e-8

export const SLERP: MergeOperator = createSpanOperator({
  name: 'slerp',
  title: 'SLERP',
  source: 'https://doi.org/10.1145/325165.325242',
  base: 'endpoint',
  parents: { min: 1, max: 1 },
  parameters: [
    { name: 't', type: 'number', scope: 'shared', default: null, meaning: '0 gives the base, 1 the other parent' },
  ],
  coefficients(products, values) {
    const t = sharedValue(values, 't')
    const length = (i: number): number => {
      const norm = Math.sqrt(products.dot(i, i))
      return norm > TINY_NORM ? norm : 1
    }
    const cosine = Math.min(1, Math.max(-1, products.dot(0, 1) / (length(0) * length(1))))
    if (Math.abs(cosine) > DOT_THRESHOLD) return [1 - t, t]
    const angle = Math.acos(cosine)
    return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
  },
})
