// `sum += term` over `[columns, width]`.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { foldWorkgroups } from '../grid.ts'
import { requireElements } from './linear.ts'

export interface Add {
  dispatch(buffers: { step: StepBuffer; sum: Tensor; term: Tensor }): Dispatch
}

export async function createAdd(gpu: GpuContext, shape: { width: number; columns: number }): Promise<Add> {
  const elements = shape.width * shape.columns
  const pipeline = await gpu.pipelines.get({
    label: 'add',
    parts: ['lib/step', 'add'],
    constants: { WIDTH: shape.width },
  })
  return {
    dispatch({ step, sum, term }) {
      requireElements('add', sum, elements)
      requireElements('add', term, elements)
      return {
        label: 'add',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: sum.buffer, 2: term.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil(elements / 64)), 1],
      }
    },
  }
}
