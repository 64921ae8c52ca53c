// Grouped-query attention over a packed batch, causal within each document, without a KV cache and without a T x T matrix:
// forward, and the gradients of q, k and v.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { Tensor } from '../tensor.ts'
import type { AttentionShape } from './attention.ts'
import { requireElements } from './linear.ts'
import { unrollQuads } from './unroll.ts'

interface AttentionInputs {
  /** `BatchBuffers.ranges` */
  readonly ranges: GPUBuffer
  /** `[columns, heads, headDim]`, rotated */
  readonly query: Tensor
  /** `[columns, kvHeads, headDim]`, rotated */
  readonly key: Tensor
  readonly value: Tensor
  /** `[columns, heads, headDim]` */
  readonly output: Tensor
  /** `[columns, heads, 2]`: log-sum-exp from the forward, and what the backward adds. */
  readonly stats: Tensor
}

export interface AttentionTraining {
  /** Writes `output` and `stats`. */
  forward(buffers: AttentionInputs): Dispatch
  /** Writes the three gradients; `output` and `stats` as the forward left them. */
  backward(
    buffers: AttentionInputs & {
      readonly outputGradient: Tensor
      readonly queryGradient: Tensor
      readonly keyGradient: Tensor
      readonly valueGradient: Tensor
    },
  ): Dispatch[]
}

/** Columns of a workgroup: 32 threads of two. */
const COLUMNS = 64

export async function createAttentionTraining(gpu: GpuContext, shape: AttentionShape): Promise<AttentionTraining> {
  const { heads, kvHeads, headDim, columns } = shape
  if (headDim % 4 !== 0 || headDim < 4 || headDim > 256 || heads % kvHeads !== 0) {
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `Attention of ${heads} heads of ${headDim} over ${kvHeads} key-value heads cannot be trained; a head must be a ` +
        'multiple of 4 up to 256, and the heads a multiple of the key-value heads.',
    )
  }
  const pipelineOf = async (shader: string) =>
    gpu.pipelines.get({
      label: shader,
      parts: [
        { text: `const QUADS = ${headDim / 4}u;` },
        { text: unrollQuads(await gpu.shaders(shader), headDim / 4) },
      ],
      constants: { HEADS: heads, KV_HEADS: kvHeads, SCALE: 1 / Math.sqrt(headDim) },
    })
  const [forward, ofQuery, ofKeyValue] = await Promise.all([
    pipelineOf('attention-train'),
    pipelineOf('attention-query-backward'),
    pipelineOf('attention-key-value-backward'),
  ])
  const workgroups = Math.ceil(columns / COLUMNS)
  const perQuery = columns * heads * headDim
  const perKey = columns * kvHeads * headDim
  function check(label: string, byQuery: readonly Tensor[], byKey: readonly Tensor[], stats: Tensor): void {
    for (const tensor of byQuery) requireElements(label, tensor, perQuery)
    for (const tensor of byKey) requireElements(label, tensor, perKey)
    requireElements(label, stats, columns * heads * 2)
  }
  return {
    forward({ ranges, query, key, value, output, stats }) {
      check(forward.label, [query, output], [key, value], stats)
      return {
        label: forward.label,
        pipeline: forward.pipeline,
        bindGroup: forward.bind({
          0: ranges,
          1: query.buffer,
          2: key.buffer,
          3: value.buffer,
          4: output.buffer,
          5: stats.buffer,
        }),
        workgroups: [workgroups, heads, 1],
      }
    },
    backward({ ranges, query, key, value, output, stats, outputGradient, queryGradient, keyGradient, valueGradient }) {
      const byQuery = [query, output, outputGradient, queryGradient]
      check('attention backward', byQuery, [key, value, keyGradient, valueGradient], stats)
      return [
        {
          label: ofQuery.label,
          pipeline: ofQuery.pipeline,
          bindGroup: ofQuery.bind({
            0: ranges,
            1: query.buffer,
            2: key.buffer,
            3: value.buffer,
            4: output.buffer,
            5: outputGradient.buffer,
            6: stats.buffer,
            7: queryGradient.buffer,
          }),
          workgroups: [workgroups, heads, 1],
        },
        {
          label: ofKeyValue.label,
          pipeline: ofKeyValue.pipeline,
          bindGroup: ofKeyValue.bind({
            0: ranges,
            1: query.buffer,
            2: key.buffer,
            3: value.buffer,
            4: outputGradient.buffer,
            5: stats.buffer,
            6: keyGradient.buffer,
            7: valueGradient.buffer,
          }),
          workgroups: [workgroups, kvHeads, 1],
        },
      ]
    },
  }
}
