// NearSwap: take the other parent's value where it is near the base's, and less of it the further away it is.
// Described with the model https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001.

import type { MergeOperator } from '#core/merge/operator.ts'
import { refuse, sharedValue } from '#core/merge/parameters.ts'

const TINY_DISTANCE = Math.fround(1e-6)

export const NEARSWAP: MergeOperator = {
  name: 'nearswap',
  title: 'NearSwap',
  source: 'https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001',
  base: 'endpoint',
  random: false,
  parents: { min: 1, max: 1 },
  parameters: [
    {
      name: 't',
      type: 'number',
      scope: 'shared',
      default: null,
      meaning: 'the distance up to which the other parent’s value is taken whole',
    },
  ],
  merge({ base, parents, name }, values) {
    const t = sharedValue(values, 't')
    const other = parents[0]!
    if (base === null) throw refuse(NEARSWAP, `needs a base for "${name}"`)
    const out = new Float32Array(base.length)
    for (let i = 0; i < out.length; i++) {
      const a = base[i]!
      const b = other[i]!
      const distance = Math.max(Math.abs(Math.fround(a - b)), TINY_DISTANCE)
      const weight = Math.min(1, Math.max(0, t / distance))
      out[i] = weight * b + (1 - weight) * a
    }
    return out
  },
}
