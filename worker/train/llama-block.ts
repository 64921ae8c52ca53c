// Llama's block and those of its form (Qwen2 with biases, Qwen3 with norms of heads), forwards and backwards; the same
// arithmetic as worker/model/llama.ts over a packed batch.

import { CentramError } from '#core/errors.ts'
import { createAttentionTraining } from '../gpu/kernels/attention-training.ts'
import { createRopeRotate } from '../gpu/kernels/rope-rotate.ts'
import { createSiluMultiplyTraining } from '../gpu/kernels/silu-multiply-training.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { loadTrainingLinear } from './linear.ts'
import { loadTrainingNorm } from './norm.ts'
import type { Command, ForwardMode, TrainingBlock, TrainingScope } from './scope.ts'

/** @param table cos and sin by position. */
export async function loadLlamaTrainingBlock(
  scope: TrainingScope,
  layer: number,
  table: Tensor,
): Promise<TrainingBlock> {
  const { gpu, config, columns, batch, buffers } = scope
  const { step, ranges, positions } = batch
  const at = `blk.${layer}`
  const { width, heads, kvHeads, headDim, ffnWidth, rope, family } = config
  if (!rope) throw new CentramError('MODEL_UNSUPPORTED', 'A Llama model without rotary positions cannot be trained.')
  const attentionNorm = await loadTrainingNorm(scope, 'rms', `${at}.attn_norm`)
  const ofQuery = await loadTrainingLinear(scope, `${at}.attn_q`)
  const ofKey = await loadTrainingLinear(scope, `${at}.attn_k`)
  const ofValue = await loadTrainingLinear(scope, `${at}.attn_v`)
  const headNorms = family === 'qwen3' && {
    query: await loadTrainingNorm(scope, 'rms', `${at}.attn_q_norm`, heads),
    key: await loadTrainingNorm(scope, 'rms', `${at}.attn_k_norm`, kvHeads),
  }
  const output = await loadTrainingLinear(scope, `${at}.attn_output`)
  const networkNorm = await loadTrainingNorm(scope, 'rms', `${at}.ffn_norm`)
  const ofGate = await loadTrainingLinear(scope, `${at}.ffn_gate`)
  const ofUp = await loadTrainingLinear(scope, `${at}.ffn_up`)
  const down = await loadTrainingLinear(scope, `${at}.ffn_down`)
  const attention = await createAttentionTraining(gpu, { heads, kvHeads, headDim, columns })
  const silu = await createSiluMultiplyTraining(gpu, { width: ffnWidth, columns })
  const rotation = (count: number, back: boolean) =>
    createRopeRotate(gpu, { heads: count, headDim, columns, rope, back })
  const [turnQuery, turnKey, turnQueryBack, turnKeyBack] = await Promise.all([
    rotation(heads, false),
    rotation(kvHeads, false),
    rotation(heads, true),
    rotation(kvHeads, true),
  ])

  const { query, key, value, attended, attentionStats: stats, middle, attentionInput, networkInput } = buffers
  const { gate, up, inner } = buffers
  const inputs = { ranges, query, key, value, output: attended, stats }
  const [rawQuery, rawKey] = headNorms ? [buffers.rawQuery, buffers.rawKey] : [query, key]

  /** All but the last linear. */
  const begin = (mode: ForwardMode, input: Tensor): Command[] => [
    attentionNorm.forward(input, attentionInput),
    ...ofQuery.forward(mode, attentionInput, [rawQuery]),
    ...ofKey.forward(mode, attentionInput, [rawKey]),
    ...ofValue.forward(mode, attentionInput, [value]),
    ...(headNorms ? [headNorms.query.forward(rawQuery, query), headNorms.key.forward(rawKey, key)] : []),
    turnQuery.dispatch({ positions, table, data: query }),
    turnKey.dispatch({ positions, table, data: key }),
    attention.forward(inputs),
    { from: input, to: middle, elements: columns * width },
    ...output.forward(mode, attended, [middle], 'add'),
    networkNorm.forward(middle, networkInput),
    ...ofGate.forward(mode, networkInput, [gate]),
    ...ofUp.forward(mode, networkInput, [up]),
    silu.forward({ step, gate, up, output: inner }),
  ]

  return {
    forward: (mode, input, output) => [
      ...begin(mode, input),
      { from: middle, to: output, elements: columns * width },
      ...down.forward(mode, inner, [output], 'add'),
    ],
    backward(input, last) {
      const { residualGradient, normedGradient, innerGradient, attendedGradient } = buffers
      const { queryGradient, keyGradient, valueGradient } = buffers
      const gradients = { outputGradient: attendedGradient, queryGradient, keyGradient, valueGradient }
      const [rawQueryGradient, rawKeyGradient] = headNorms
        ? [buffers.rawQueryGradient, buffers.rawKeyGradient]
        : [queryGradient, keyGradient]
      const below = last ? undefined : normedGradient
      return [
        ...begin('train', input),
        ...down.prepare(inner),
        ...down.backward(inner, [residualGradient], innerGradient),
        silu.backward({ step, outputGradient: innerGradient, gate, up }),
        ...ofGate.backward(networkInput, [gate], normedGradient),
        ...ofUp.backward(networkInput, [up], normedGradient, 'add'),
        ...networkNorm.backward(middle, normedGradient, residualGradient, 'add'),
        ...output.backward(attended, [residualGradient], attendedGradient),
        ...attention.backward({ ...inputs, ...gradients }),
        turnQueryBack.dispatch({ positions, table, data: queryGradient }),
        turnKeyBack.dispatch({ positions, table, data: keyGradient }),
        ...(headNorms
          ? [
              ...headNorms.query.backward(rawQuery, queryGradient, rawQueryGradient, 'overwrite'),
              ...headNorms.key.backward(rawKey, keyGradient, rawKeyGradient, 'overwrite'),
            ]
          : []),
        ...ofQuery.backward(attentionInput, [rawQueryGradient], below),
        ...ofKey.backward(attentionInput, [rawKeyGradient], below, 'add'),
        ...ofValue.backward(attentionInput, [valueGradient], below, 'add'),
        ...(below ? attentionNorm.backward(input, normedGradient, residualGradient, 'add') : []),
      ]
    },
  }
}
