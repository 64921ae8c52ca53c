// `inputGradient (+)= Wᵀ · outputGradient`, over every element type, dequantising in registers.

import { CentramError } from '#core/errors.ts'
import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { Pipeline } from '../pipeline-cache.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'
import { weightText } from './weight-text.ts'

export interface LinearInputGradientShape {
  readonly dtype: DType
  /** Most columns of a step; any number. */
  readonly columns: number
  /** Adds into `inputGradient`. */
  readonly accumulate?: boolean
}

export interface LinearInputGradient {
  dispatch(buffers: {
    step: StepBuffer
    matrix: GpuMatrix
    /** `[columns, matrix.rows]` */
    outputGradient: Tensor
    /** `[columns, matrix.columns]` */
    inputGradient: Tensor
  }): Dispatch[]
}

export async function createLinearInputGradient(
  gpu: GpuContext,
  profile: KernelProfile,
  { dtype, columns, accumulate = false }: LinearInputGradientShape,
): Promise<LinearInputGradient> {
  const tiled = profile.gemm === 'tiled'
  const shader = tiled ? 'linear-input-gradient-tiled' : 'linear-input-gradient'
  const pipelineFor = async (adds: boolean): Promise<Pipeline> =>
    gpu.pipelines.get({
      label: `linear-input-gradient ${dtype}`,
      parts: ['lib/step', 'lib/quant', await weightText(gpu.shaders, dtype), 'lib/input-gradient', shader],
      constants: { ACCUMULATE: Number(adds) },
    })
  // The slabs after the first always add.
  const [first, others] = await Promise.all([pipelineFor(accumulate), pipelineFor(true)])
  return {
    dispatch({ step, matrix, outputGradient, inputGradient }) {
      const label = `${first.label} ${matrix.label}`
      if (matrix.dtype !== dtype) throw new CentramError('INTERNAL', `${label}: the matrix is ${matrix.dtype}.`)
      requireElements(label, outputGradient, columns * matrix.rows)
      requireElements(label, inputGradient, columns * matrix.columns)
      // Groups of 32 inputs: two a tile, eight (by octets) in registers.
      const across = Math.ceil(Math.ceil(matrix.columns / 32) / (tiled ? 2 : 8))
      return matrix.slabs.map((slab, index) => {
        const pipeline = index === 0 ? first : others
        return {
          label,
          pipeline: pipeline.pipeline,
          bindGroup: pipeline.bind({
            0: slab.quants,
            1: slab.scales,
            2: slab.shape,
            3: step.buffer,
            4: outputGradient.buffer,
            5: inputGradient.buffer,
          }),
          workgroups: [...foldWorkgroups(across), Math.ceil(columns / (tiled ? 64 : 8))],
        }
      })
    },
  }
}
