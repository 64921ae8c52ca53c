// `weightGradient (+)= outputGradientᵀ · input` for a trainable matrix, in the layout of its values. The columns are cut
// into chunks where the matrix alone would not fill the GPU (a LoRA pair); chunks are added up in order.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { matrixElements, paddedColumns, type TrainableMatrix } from '../trainable-matrix.ts'
import { requireElements } from './linear.ts'
import { createSumPartials } from './sum-partials.ts'

export interface LinearWeightGradientShape {
  readonly rows: number
  /** Inputs: the matrix's columns. */
  readonly width: number
  /** Most columns of a step. */
  readonly columns: number
  /** Adds into `weightGradient`. */
  readonly accumulate?: boolean
}

export interface LinearWeightGradient {
  dispatch(buffers: {
    step: StepBuffer
    matrix: TrainableMatrix
    /** `[columns, width]`, width padded to a multiple of 4 */
    input: Tensor
    /** `[columns, rows]` */
    outputGradient: Tensor
    /** `matrixElements(rows, width)` */
    weightGradient: Tensor
    /** `weightGradientScratch(shape)` elements; several kernels may share it. Unused where that is 0. */
    scratch?: Tensor
  }): Dispatch[]
}

/** Threads that keep a GPU busy, and columns below which a chunk is not cut further. */
const ENOUGH_THREADS = 8192
const LEAST_CHUNK = 128
/** Widths up to this take one input a thread; where either side is no larger, a tile would be mostly padding. */
const NARROW = 32

function plan({ rows, width, columns }: LinearWeightGradientShape): { chunk: number; chunks: number } {
  const threads = Math.ceil(rows / 8) * Math.ceil(width / (width <= NARROW ? 1 : 8))
  const wanted = Math.max(1, Math.floor(ENOUGH_THREADS / threads))
  const chunks = Math.max(1, Math.min(wanted, Math.floor(columns / LEAST_CHUNK)))
  const chunk = Math.ceil(columns / chunks)
  return { chunk, chunks: Math.ceil(columns / chunk) }
}

/** Elements of scratch that the two stages need; 0 where there is one stage. */
export function weightGradientScratch(shape: LinearWeightGradientShape): number {
  const { chunks } = plan(shape)
  return chunks === 1 ? 0 : chunks * matrixElements(shape.rows, shape.width)
}

export async function createLinearWeightGradient(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: LinearWeightGradientShape,
): Promise<LinearWeightGradient> {
  const { rows, width, columns, accumulate = false } = shape
  const { chunk, chunks } = plan(shape)
  const narrow = width <= NARROW
  const tiled = profile.gemm === 'tiled' && !narrow && rows > NARROW
  const threads = profile.gemm === 'tiled' ? 32 : 16
  const label = 'linear-weight-gradient'
  const elements = matrixElements(rows, width)
  const pipeline = await gpu.pipelines.get({
    label,
    parts: ['lib/step', 'lib/quant', tiled ? 'linear-weight-gradient-tiled' : label],
    entryPoint: tiled ? 'main' : narrow ? 'narrow' : 'wide',
    constants: {
      CHUNK: chunk,
      ACCUMULATE: Number(chunks === 1 && accumulate),
      ...(!tiled && !narrow && { THREADS: threads }),
    },
  })
  const finish = chunks > 1 ? await createSumPartials(gpu, { count: elements, parts: chunks, accumulate }) : undefined
  return {
    dispatch({ step, matrix: { matrix }, input, outputGradient, weightGradient, scratch }) {
      const sums = finish ? scratch : weightGradient
      if (!sums) throw new CentramError('INTERNAL', `${label}: the scratch is missing.`)
      const slab = matrix.slabs[0]
      if (!slab || matrix.rows !== rows || matrix.columns !== paddedColumns(width)) {
        throw new CentramError('INTERNAL', `${label}: ${matrix.label} is ${matrix.rows} x ${matrix.columns}.`)
      }
      requireElements(label, input, columns * matrix.columns)
      requireElements(label, outputGradient, columns * rows)
      requireElements(label, weightGradient, elements)
      requireElements(label, sums, chunks * elements)
      const padded = Math.ceil(width / 32) * 32
      const across = tiled ? 64 : narrow ? 32 : threads * 8
      const first: Dispatch = {
        label: `${label} ${matrix.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: slab.shape,
          1: step.buffer,
          2: input.buffer,
          3: outputGradient.buffer,
          4: sums.buffer,
        }),
        workgroups: [Math.ceil(padded / across), Math.ceil(rows / (tiled ? 64 : 8)), chunks],
      }
      return finish ? [first, finish.dispatch({ partials: sums, sum: weightGradient })] : [first]
    },
  }
}
