// GPT-2's block, forwards and backwards; the same arithmetic as worker/model/gpt.ts over a packed batch.

import { createAttentionTraining } from '../gpu/kernels/attention-training.ts'
import { createGeluTraining } from '../gpu/kernels/gelu-training.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { loadTrainingLinear } from './linear.ts'
import { loadTrainingNorm } from './norm.ts'
import type { Command, ForwardMode, TrainingBlock, TrainingScope } from './scope.ts'

export async function loadGptTrainingBlock(scope: TrainingScope, layer: number): Promise<TrainingBlock> {
  const { gpu, config, columns, batch, buffers } = scope
  const { step, ranges } = batch
  const at = `blk.${layer}`
  const { width, heads, kvHeads, headDim, ffnWidth } = config
  const size = heads * headDim
  const attentionNorm = await loadTrainingNorm(scope, 'layer', `${at}.attn_norm`)
  const projection = await loadTrainingLinear(scope, `${at}.attn_qkv`, [size, size, size])
  const output = await loadTrainingLinear(scope, `${at}.attn_output`)
  const networkNorm = await loadTrainingNorm(scope, 'layer', `${at}.ffn_norm`)
  const up = await loadTrainingLinear(scope, `${at}.ffn_up`)
  const down = await loadTrainingLinear(scope, `${at}.ffn_down`)
  const attention = await createAttentionTraining(gpu, { heads, kvHeads, headDim, columns })
  const gelu = await createGeluTraining(gpu, { width: ffnWidth, columns })

  const { query, key, value, attended, attentionStats: stats, middle } = buffers
  const vectors = [query, key, value]
  const inputs = { ranges, query, key, value, output: attended, stats }

  /** All but the last linear. */
  const begin = (mode: ForwardMode, input: Tensor): Command[] => [
    attentionNorm.forward(input, buffers.attentionInput),
    ...projection.forward(mode, buffers.attentionInput, vectors),
    attention.forward(inputs),
    { from: input, to: middle, elements: columns * width },
    ...output.forward(mode, attended, [middle], 'add'),
    networkNorm.forward(middle, buffers.networkInput),
    ...up.forward(mode, buffers.networkInput, [buffers.up]),
    gelu.forward({ step, input: buffers.up, output: buffers.inner }),
  ]

  return {
    forward: (mode, input, output) => [
      ...begin(mode, input),
      { from: middle, to: output, elements: columns * width },
      ...down.forward(mode, buffers.inner, [output], 'add'),
    ],
    backward(input, last) {
      const { residualGradient, normedGradient, innerGradient, attendedGradient } = buffers
      const { queryGradient, keyGradient, valueGradient } = buffers
      const gradients = { outputGradient: attendedGradient, queryGradient, keyGradient, valueGradient }
      const list: Command[] = [
        ...begin('train', input),
        ...down.prepare(buffers.inner),
        ...down.backward(buffers.inner, [residualGradient], innerGradient),
        gelu.backward({ step, input: buffers.up, gradient: innerGradient }),
        ...up.backward(buffers.networkInput, [innerGradient], normedGradient),
        ...networkNorm.backward(middle, normedGradient, residualGradient, 'add'),
        ...output.backward(attended, [residualGradient], attendedGradient),
        ...attention.backward({ ...inputs, ...gradients }),
      ]
      const parts = [queryGradient, keyGradient, valueGradient]
      if (last) return [...list, ...projection.backward(buffers.attentionInput, parts)]
      return [
        ...list,
        ...projection.backward(buffers.attentionInput, parts, normedGradient),
        ...attentionNorm.backward(input, normedGradient, residualGradient, 'add'),
      ]
    },
  }
}
