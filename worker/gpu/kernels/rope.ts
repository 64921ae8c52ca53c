// Rotary position embedding of q (in place) and k, and the write of k and v into the KV cache. Without a rope config
// (learned positions) only the cache write.

import { CentramError } from '#core/errors.ts'
import type { RopeConfig } from '#core/formats/model-config.ts'
import { ropeTable } from '#core/numeric/rope.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import { createTensorFrom, type Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface RopeShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly columns: number
  /** `layout` and `dimensions` are read; the angles come from the table. */
  readonly rope?: RopeConfig
}

export interface Rope {
  dispatch(buffers: {
    /** Of one session: its position, and which columns are its own. */
    step: StepBuffer
    /** cos and sin by position, from `createRopeTable`; absent without rope. */
    table?: Tensor
    /** `[columns, heads, headDim]` */
    query: Tensor
    /** `[columns, kvHeads, headDim]` */
    key: Tensor
    value: Tensor
    /** `[contextLength, kvHeads, headDim]` each */
    keyCache: Tensor
    valueCache: Tensor
  }): Dispatch
}

/** cos and sin of every angle up to `positions`, computed in double: GPU sines are coarse for large angles. */
export async function createRopeTable(gpu: GpuContext, rope: RopeConfig, positions: number): Promise<Tensor> {
  return createTensorFrom(gpu, 'rope table', ropeTable(rope, positions))
}

export async function createRope(gpu: GpuContext, shape: RopeShape): Promise<Rope> {
  const { heads, kvHeads, headDim, columns, rope } = shape
  if (headDim % 2 !== 0 || (rope && (rope.dimensions > headDim || rope.dimensions % 2 !== 0))) {
    throw new CentramError('MODEL_UNSUPPORTED', `Heads of ${headDim} with ${rope?.dimensions ?? 0} rotated dimensions.`)
  }
  const pipeline = await gpu.pipelines.get({
    label: 'rope',
    parts: ['lib/step', 'rope'],
    constants: {
      HEADS: heads,
      KV_HEADS: kvHeads,
      HEAD_DIM: headDim,
      DIMENSIONS: rope?.dimensions ?? 0,
      INTERLEAVED: Number(rope?.layout === 'interleaved'),
    },
  })
  return {
    dispatch({ step, table, query, key, value, keyCache, valueCache }) {
      if (rope && !table) throw new CentramError('INTERNAL', 'rope: the table is missing.')
      requireElements('rope', query, columns * heads * headDim)
      requireElements('rope', key, columns * kvHeads * headDim)
      requireElements('rope', value, columns * kvHeads * headDim)
      return {
        label: 'rope',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: step.buffer,
          1: table?.buffer ?? gpu.placeholder,
          2: query.buffer,
          3: key.buffer,
          4: value.buffer,
          5: keyCache.buffer,
          6: valueCache.buffer,
        }),
        workgroups: [Math.ceil(((heads + kvHeads) * (headDim / 2)) / 64), columns, 1],
      }
    },
  }
}
