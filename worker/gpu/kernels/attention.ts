// Grouped-query attention over the KV cache, causal among the step's columns. The decode family computes a column in an
// order that depends on its position only; the prefill family takes a whole chunk.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface AttentionShape {
  readonly heads: number
  readonly kvHeads: number
  /** 16 to 256, a multiple of 4. */
  readonly headDim: number
  readonly columns: number
}

export interface Attention {
  dispatch(buffers: {
    /** Of one session: its position, and which columns are its own. Prefill begins at the first. */
    step: StepBuffer
    /** `[columns, heads, headDim]` */
    query: Tensor
    /** `[contextLength, kvHeads, headDim]` each, the step's own columns already written. */
    keyCache: Tensor
    valueCache: Tensor
    /** `[columns, heads, headDim]` */
    output: Tensor
  }): Dispatch[]
}

export const createAttentionDecode = (gpu: GpuContext, profile: KernelProfile, shape: AttentionShape) =>
  createAttention(gpu, profile, shape, 'attention-decode', 1)

export const createAttentionPrefill = (gpu: GpuContext, profile: KernelProfile, shape: AttentionShape) =>
  createAttention(gpu, profile, shape, 'attention-prefill', 4)

const THREADS = { threads32: 32, threads64: 64, threads128: 128 } as const

async function createAttention(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: AttentionShape,
  shader: 'attention-decode' | 'attention-prefill',
  columnsPerWorkgroup: number,
): Promise<Attention> {
  const { heads, kvHeads, headDim, columns } = shape
  const threads = THREADS[profile.attention]
  if (headDim % 4 !== 0 || headDim < 4 || headDim > 256 || heads % kvHeads !== 0) {
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `Attention of ${heads} heads of ${headDim} over ${kvHeads} key-value heads cannot be run; a head must be a ` +
        'multiple of 4 up to 256, and the heads a multiple of the key-value heads.',
    )
  }
  const quads = headDim / 4
  const pipeline = await gpu.pipelines.get({
    label: shader,
    parts: ['lib/step', shader],
    constants: {
      HEADS: heads,
      KV_HEADS: kvHeads,
      QUADS: quads,
      SCALE: 1 / Math.sqrt(headDim),
      THREADS: threads,
      SLICES: Math.max(1, Math.floor(threads / quads)),
    },
  })
  return {
    dispatch({ step, query, keyCache, valueCache, output }) {
      requireElements(shader, query, columns * heads * headDim)
      requireElements(shader, output, columns * heads * headDim)
      return [
        {
          label: shader,
          pipeline: pipeline.pipeline,
          bindGroup: pipeline.bind({
            0: step.buffer,
            1: query.buffer,
            2: keyCache.buffer,
            3: valueCache.buffer,
            4: output.buffer,
          }),
          workgroups: [heads, Math.ceil(columns / columnsPerWorkgroup), 1],
        },
      ]
    },
  }
}
