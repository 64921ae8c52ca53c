// The first thing the first shard does: token ids to hidden states.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { StepBuffer } from '../gpu/step-buffer.ts'
import type { Activations } from './activations.ts'
import type { BlockParts, Family } from './block.ts'
import type { StepMode } from './step-mode.ts'

export interface EmbeddingLayer {
  /** Fills `activations.hidden` from the step's token ids. */
  planTokens(mode: StepMode, activations: Activations): Promise<Dispatch[]>
  /** Adds what stands for the positions of one session's columns, where positions are learned. */
  planPositions(mode: StepMode, activations: Activations, segment: StepBuffer): Promise<Dispatch[]>
}

export async function loadEmbedding(family: Family, { weights, kernels }: BlockParts): Promise<EmbeddingLayer> {
  const tokens = await weights.matrix('token_embd.weight')
  const positions = family.positions === 'learned' ? await weights.matrix('position_embd.weight') : null
  return {
    async planTokens(mode, { step, hidden }) {
      const kernel = await kernels.embedding(mode, tokens.dtype, 'token')
      return kernel.dispatch({ step, matrix: tokens, output: hidden })
    },
    async planPositions(mode, { hidden }, segment) {
      if (!positions) return []
      const kernel = await kernels.embedding(mode, positions.dtype, 'position')
      return kernel.dispatch({ step: segment, matrix: positions, output: hidden })
    },
  }
}
