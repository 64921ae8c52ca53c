// The gradient of a trained embedding table: each row adds up the gradients of the columns that gathered it, in column
// order. It adds into the table's gradient, which may hold that of a tied head already.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { Tensor } from '../tensor.ts'
import { matrixElements, type TrainableMatrix } from '../trainable-matrix.ts'
import { requireElements } from './linear.ts'

export interface EmbeddingBackward {
  dispatch(buffers: {
    /** `BatchBuffers.tokenGroups` or `.positionGroups`, of the same number of columns. */
    groups: GPUBuffer
    table: TrainableMatrix
    /** `[columns, width]` */
    gradient: Tensor
    /** In the table's layout; added to. */
    tableGradient: Tensor
  }): Dispatch
}

export async function createEmbeddingBackward(
  gpu: GpuContext,
  { columns }: { columns: number },
): Promise<EmbeddingBackward> {
  const label = 'embedding-backward'
  const pipeline = await gpu.pipelines.get({
    label,
    parts: ['lib/quant', label],
    constants: { CAPACITY: columns },
  })
  return {
    dispatch({ groups, table: { matrix }, gradient, tableGradient }) {
      requireElements(label, gradient, columns * matrix.columns)
      requireElements(label, tableGradient, matrixElements(matrix.rows, matrix.columns))
      return {
        label: `${label} ${matrix.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: matrix.slabs[0]?.shape as GPUBuffer,
          1: groups,
          2: gradient.buffer,
          3: tableGradient.buffer,
        }),
        workgroups: [Math.ceil(matrix.columns / 64), columns, 1],
      }
    },
  }
}
