// The second stage of every sum that was cut into parts: the parts added up in order.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface SumPartials {
  /** `sum (+)= partials[0] + partials[1] + …` */
  dispatch(buffers: { partials: Tensor; sum: Tensor }): Dispatch
}

export interface SumPartialsShape {
  /** Elements of a part. */
  readonly count: number
  readonly parts: number
  readonly accumulate?: boolean
}

export async function createSumPartials(gpu: GpuContext, shape: SumPartialsShape): Promise<SumPartials> {
  const { count, parts, accumulate = false } = shape
  const pipeline = await gpu.pipelines.get({
    label: 'sum-partials',
    parts: ['sum-partials'],
    constants: { COUNT: count, PARTS: parts, ACCUMULATE: Number(accumulate) },
  })
  return {
    dispatch({ partials, sum }) {
      requireElements('sum-partials', partials, count * parts)
      requireElements('sum-partials', sum, count)
      return {
        label: `sum-partials ${sum.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: partials.buffer, 1: sum.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil(count / 64)), 1],
      }
    },
  }
}
