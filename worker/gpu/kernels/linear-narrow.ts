// Products with an F32 matrix of few rows or few inputs, and their gradient to the input: what a low-rank pair needs, where
// the blocks of the general kernels would mostly be padding.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import type { TrainableMatrix } from '../trainable-matrix.ts'
import { requireElements } from './linear.ts'

export interface LinearNarrowShape {
  /** Most columns of a step. */
  readonly columns: number
  /** Adds into the result. */
  readonly accumulate?: boolean
}

export interface LinearNarrow {
  /** `output (+)= W · input` */
  dispatch(buffers: { step: StepBuffer; matrix: TrainableMatrix; input: Tensor; output: Tensor }): Dispatch
}

export interface LinearNarrowInputGradient {
  /** `inputGradient (+)= Wᵀ · outputGradient` */
  dispatch(buffers: {
    step: StepBuffer
    matrix: TrainableMatrix
    outputGradient: Tensor
    inputGradient: Tensor
  }): Dispatch
}

/** 32 threads of four columns. */
const COLUMNS = 128

export async function createLinearNarrow(gpu: GpuContext, shape: LinearNarrowShape): Promise<LinearNarrow> {
  const make = await create(gpu, ['linear-narrow'], shape)
  return {
    dispatch: ({ step, matrix, input, output }) =>
      make(step, matrix, input, output, Math.ceil(matrix.matrix.rows / 8), (label, { rows, columns }) => {
        requireElements(label, input, shape.columns * columns)
        requireElements(label, output, shape.columns * rows)
      }),
  }
}

export async function createLinearNarrowInputGradient(
  gpu: GpuContext,
  shape: LinearNarrowShape,
): Promise<LinearNarrowInputGradient> {
  const make = await create(gpu, ['lib/input-gradient', 'linear-narrow-input-gradient'], shape)
  return {
    dispatch: ({ step, matrix, outputGradient, inputGradient }) =>
      make(step, matrix, outputGradient, inputGradient, Math.ceil(matrix.matrix.columns / 8), (label, size) => {
        requireElements(label, outputGradient, shape.columns * size.rows)
        requireElements(label, inputGradient, shape.columns * size.columns)
      }),
  }
}

async function create(gpu: GpuContext, parts: readonly string[], { columns, accumulate = false }: LinearNarrowShape) {
  const shader = parts.at(-1) ?? ''
  const pipeline = await gpu.pipelines.get({
    label: shader,
    parts: ['lib/step', 'lib/quant', ...parts],
    constants: { ACCUMULATE: Number(accumulate) },
  })
  return (
    step: StepBuffer,
    { matrix }: TrainableMatrix,
    from: Tensor,
    to: Tensor,
    blocks: number,
    check: (label: string, size: { rows: number; columns: number }) => void,
  ): Dispatch => {
    const label = `${shader} ${matrix.label}`
    const slab = matrix.slabs[0]
    if (!slab) throw new CentramError('INTERNAL', `${label}: the matrix is empty.`)
    check(label, matrix)
    return {
      label,
      pipeline: pipeline.pipeline,
      bindGroup: pipeline.bind({
        0: slab.quants,
        1: slab.shape,
        2: step.buffer,
        3: from.buffer,
        4: to.buffer,
      }),
      workgroups: [Math.ceil(columns / COLUMNS), blocks, 1],
    }
  }
}
