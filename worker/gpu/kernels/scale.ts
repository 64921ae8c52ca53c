// Whole buffers multiplied by a constant, cleared, or added with a factor that lies on the GPU.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface Scale {
  /** `data *= factor`; with factor 0 clears even what is not finite. */
  dispatch(buffers: { data: Tensor }): Dispatch
}

export interface AddScaled {
  /** `sum = sum + term * factor[0]`, or without `keep` `sum = term * factor[0]`. */
  dispatch(buffers: { factor: Tensor; term: Tensor; sum: Tensor }): Dispatch
}

export async function createScale(gpu: GpuContext, factor: number): Promise<Scale> {
  const pipeline = await gpu.pipelines.get({ label: 'scale', parts: ['scale'], constants: { FACTOR: factor } })
  return {
    dispatch: ({ data }) => ({
      label: `scale ${data.label}`,
      pipeline: pipeline.pipeline,
      bindGroup: pipeline.bind({ 0: data.buffer }),
      workgroups: [...foldWorkgroups(Math.ceil(data.elements / 64)), 1],
    }),
  }
}

/** Sets tensors to zero. */
export const createClear = (gpu: GpuContext): Promise<Scale> => createScale(gpu, 0)

export async function createAddScaled(gpu: GpuContext, { keep = true }: { keep?: boolean } = {}): Promise<AddScaled> {
  const label = 'add-scaled'
  const pipeline = await gpu.pipelines.get({ label, parts: [label], constants: { KEEP: Number(keep) } })
  return {
    dispatch({ factor, term, sum }) {
      requireElements(label, term, sum.elements)
      return {
        label: `${label} ${sum.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: factor.buffer, 1: term.buffer, 2: sum.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil(sum.elements / 64)), 1],
      }
    },
  }
}
