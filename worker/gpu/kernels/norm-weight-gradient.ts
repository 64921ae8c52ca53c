// The gradient of a norm's weight, in two stages, from what the norm's backward left of every row. That of a LayerNorm's
// bias is a column sum.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'
import { createSumPartials } from './sum-partials.ts'

const CHUNK = 64

export interface NormWeightGradientShape {
  readonly width: number
  readonly columns: number
  /** Rows of a column, for a norm of every head. */
  readonly heads?: number
  readonly accumulate?: boolean
}

export interface NormWeightGradient {
  dispatch(buffers: {
    step: StepBuffer
    /** What the norm read. */
    input: Tensor
    outputGradient: Tensor
    /** From the backward of the norm. */
    stats: Tensor
    /** `[width]` */
    weightGradient: Tensor
    /** `normScratch(shape)` elements. */
    scratch: Tensor
  }): Dispatch[]
}

export const normScratch = ({ width, columns, heads = 1 }: NormWeightGradientShape): number =>
  width * Math.ceil((columns * heads) / CHUNK)

export async function createNormWeightGradient(
  gpu: GpuContext,
  shape: NormWeightGradientShape,
): Promise<NormWeightGradient> {
  const { width, columns, heads = 1, accumulate = false } = shape
  const chunks = Math.ceil((columns * heads) / CHUNK)
  const label = 'norm-weight-gradient'
  const pipeline = await gpu.pipelines.get({
    label,
    parts: ['lib/step', label],
    constants: { WIDTH: width, CHUNK, HEADS: heads },
  })
  const finish = await createSumPartials(gpu, { count: width, parts: chunks, accumulate })
  return {
    dispatch({ step, input, outputGradient, stats, weightGradient, scratch }) {
      requireElements(label, input, columns * heads * width)
      requireElements(label, outputGradient, columns * heads * width)
      requireElements(label, stats, columns * heads * 2)
      requireElements(label, scratch, normScratch(shape))
      return [
        {
          label: `${label} ${weightGradient.label}`,
          pipeline: pipeline.pipeline,
          bindGroup: pipeline.bind({
            0: step.buffer,
            1: input.buffer,
            2: outputGradient.buffer,
            3: stats.buffer,
            4: scratch.buffer,
          }),
          workgroups: [Math.ceil(width / 64), chunks, 1],
        },
        finish.dispatch({ partials: scratch, sum: weightGradient }),
      ]
    },
  }
}
