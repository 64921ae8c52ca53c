// NuSLERP: SLERP whose place on the arc comes from two weights, over whole tensors or row by row, of the parents or of
// their differences to a base. Described by mergekit, https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md.

import type { MergeGroup, MergeOperator, MergeValues } from '#core/merge/operator.ts'
import { parentValues, sharedValue } from '#core/merge/parameters.ts'
import { createSpanOperator } from '#core/merge/span-operator.ts'
import { taskVectors } from '#core/merge/tensor-arithmetic.ts'

const TINY_NORM = 1e-7
const TINY_WEIGHT = 1e-6

export const NUSLERP: MergeOperator = createSpanOperator({
  name: 'nuslerp',
  title: 'NuSLERP',
  source: 'https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md',
  base: 'optional',
  parents: { min: 2, max: 2 },
  parameters: [
    { name: 'weight', type: 'number', scope: 'parent', default: 1, meaning: 'pull of the parent along the arc' },
    {
      name: 'nuslerp_flatten',
      type: 'boolean',
      scope: 'shared',
      default: true,
      meaning: 'take the whole tensor for one vector',
    },
    {
      name: 'nuslerp_row_wise',
      type: 'boolean',
      scope: 'shared',
      default: false,
      meaning: 'without flatten: vectors run along the first axis instead of the last',
    },
  ],
  coefficients(products, values) {
    if (sharedValue(values, 'nuslerp_flatten') === 0) return null
    return arc(place(values), products.dot(0, 0), products.dot(1, 1), products.dot(0, 1))
  },
  otherwise: mergeVectors,
})

/** Every vector along one axis by itself. */
function mergeVectors(group: MergeGroup, values: MergeValues): Float32Array {
  const [a, b] = taskVectors(group) as [Float32Array, Float32Array]
  const { base, shape } = group
  const axis = sharedValue(values, 'nuslerp_row_wise') === 0 ? shape.length - 1 : 0
  const length = shape[axis] ?? 1
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1)
  const t = place(values)
  const out = new Float32Array(a.length)
  for (let vector = 0; vector * length < a.length; vector++) {
    const start = Math.floor(vector / stride) * stride * length + (vector % stride)
    const end = start + length * stride
    let aa = 0
    let bb = 0
    let ab = 0
    for (let i = start; i < end; i += stride) {
      aa += a[i]! * a[i]!
      bb += b[i]! * b[i]!
      ab += a[i]! * b[i]!
    }
    const [fromA, fromB] = arc(t, aa, bb, ab)
    for (let i = start; i < end; i += stride) {
      out[i] = (base === null ? 0 : base[i]!) + fromA * a[i]! + fromB * b[i]!
    }
  }
  return out
}

function place(values: MergeValues): number {
  const [first = 0, second = 0] = parentValues(values, 'weight')
  const total = first + second
  return Math.abs(total) < TINY_WEIGHT ? 0.5 : second / total
}

function arc(t: number, aa: number, bb: number, ab: number): readonly [number, number] {
  const lengths = Math.max(Math.sqrt(aa), TINY_NORM) * Math.max(Math.sqrt(bb), TINY_NORM)
  // Rounded to f32: parallel and antiparallel vectors of f32 values give exactly ±1, for which there is no arc.
  const cosine = Math.fround(Math.min(1, Math.max(-1, ab / lengths)))
  if (Math.abs(cosine) === 1) return [1 - t, t]
  const angle = Math.acos(cosine)
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
}
