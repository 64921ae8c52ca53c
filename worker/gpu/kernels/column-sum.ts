// `sum[i] (+)= sum over columns of data[c][i]`: the gradient of a bias.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'
import { createSumPartials } from './sum-partials.ts'

/** Columns (or rows of a head norm) whose sum is one part. */
const CHUNK = 64

export interface ColumnSumShape {
  readonly width: number
  readonly columns: number
  /** Adds into `sum`. */
  readonly accumulate?: boolean
}

export interface ColumnSum {
  /** `scratch` holds `columnSumScratch(shape)` elements; several kernels may share it. */
  dispatch(buffers: { step: StepBuffer; data: Tensor; sum: Tensor; scratch: Tensor }): Dispatch[]
}

export const columnSumScratch = ({ width, columns }: Pick<ColumnSumShape, 'width' | 'columns'>): number =>
  width * Math.ceil(columns / CHUNK)

export async function createColumnSum(gpu: GpuContext, shape: ColumnSumShape): Promise<ColumnSum> {
  const { width, columns, accumulate = false } = shape
  const chunks = Math.ceil(columns / CHUNK)
  const pipeline = await gpu.pipelines.get({
    label: 'column-sum',
    parts: ['lib/step', 'column-sum'],
    constants: { WIDTH: width, CHUNK },
  })
  const finish = await createSumPartials(gpu, { count: width, parts: chunks, accumulate })
  return {
    dispatch({ step, data, sum, scratch }) {
      requireElements('column-sum', data, columns * width)
      requireElements('column-sum', scratch, columnSumScratch(shape))
      return [
        {
          label: `column-sum ${sum.label}`,
          pipeline: pipeline.pipeline,
          bindGroup: pipeline.bind({ 0: step.buffer, 1: data.buffer, 2: scratch.buffer }),
          workgroups: [Math.ceil(width / 64), chunks, 1],
        },
        finish.dispatch({ partials: scratch, sum }),
      ]
    },
  }
}
