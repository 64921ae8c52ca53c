// The first thing the first shard does: token ids to hidden states.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { Activations } from './activations.ts'
import type { BlockParts, Family } from './block.ts'
import type { StepMode } from './step-mode.ts'

export interface EmbeddingLayer {
  /** Fills `activations.hidden` from the step's token ids and positions. */
  plan(mode: StepMode, activations: Activations): Promise<Dispatch[]>
}

export async function loadEmbedding(family: Family, { weights, kernels }: BlockParts): Promise<EmbeddingLayer> {
  const tokens = await weights.matrix('token_embd.weight')
  const positions = family.positions === 'learned' ? await weights.matrix('position_embd.weight') : null
  return {
    async plan(mode, { step, hidden }) {
      const ofTokens = await kernels.embedding(mode, tokens.dtype, 'token')
      const dispatches = ofTokens.dispatch({ step, matrix: tokens, output: hidden })
      if (!positions) return dispatches
      const ofPositions = await kernels.embedding(mode, positions.dtype, 'position')
      return [...dispatches, ...ofPositions.dispatch({ step, matrix: positions, output: hidden })]
    },
  }
}
