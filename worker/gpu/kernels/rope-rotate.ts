// Rotary position embedding of q or k in training: in place, each column by its own position; `back` for the gradient.

import { CentramError } from '#core/errors.ts'
import type { RopeConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface RopeRotate {
  dispatch(buffers: {
    /** `BatchBuffers.positions`: a step whose tokens are positions. */
    positions: StepBuffer
    /** From `createRopeTable`; holds every position of the batch. */
    table: Tensor
    /** `[columns, heads, headDim]` */
    data: Tensor
  }): Dispatch
}

export interface RopeRotateShape {
  readonly heads: number
  readonly headDim: number
  readonly columns: number
  readonly rope: RopeConfig
  /** Turns back: the gradient of the unrotated from that of the rotated. */
  readonly back?: boolean
}

export async function createRopeRotate(gpu: GpuContext, shape: RopeRotateShape): Promise<RopeRotate> {
  const { heads, headDim, columns, rope, back = false } = shape
  if (rope.dimensions > headDim || rope.dimensions % 2 !== 0 || rope.dimensions < 2) {
    throw new CentramError('MODEL_UNSUPPORTED', `Heads of ${headDim} with ${rope.dimensions} rotated dimensions.`)
  }
  const pipeline = await gpu.pipelines.get({
    label: 'rope-rotate',
    parts: ['lib/step', 'rope-rotate'],
    constants: {
      HEADS: heads,
      HEAD_DIM: headDim,
      DIMENSIONS: rope.dimensions,
      INTERLEAVED: Number(rope.layout === 'interleaved'),
      BACK: Number(back),
    },
  })
  return {
    dispatch({ positions, table, data }) {
      requireElements('rope-rotate', data, columns * heads * headDim)
      return {
        label: 'rope-rotate',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: positions.buffer, 1: table.buffer, 2: data.buffer }),
        workgroups: [Math.ceil((heads * (rope.dimensions / 2)) / 64), columns, 1],
      }
    },
  }
}
