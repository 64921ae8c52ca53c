// A norm with its weights, of the family's kind.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { BlockParts, Family } from './block.ts'
import type { StepMode } from './step-mode.ts'

export interface Norm {
  /** `activations.hidden` normed into `output`: every column, or the step's last one alone into the first. */
  plan(mode: StepMode, activations: Activations, output: Tensor, select?: 'all' | 'last'): Promise<Dispatch>
}

/** Loads `NAME.weight`, and `NAME.bias` for a LayerNorm. */
export async function loadNorm(kind: Family['norm'], parts: BlockParts, name: string): Promise<Norm> {
  const { weights, kernels } = parts
  const weight = await weights.vector(`${name}.weight`)
  if (kind === 'rms') {
    return {
      async plan(mode, { step, hidden }, output, select = 'all') {
        const kernel = await kernels.rmsNorm(mode, select)
        return kernel.dispatch({ step, input: hidden, weight, output })
      },
    }
  }
  const bias = await weights.vector(`${name}.bias`)
  return {
    async plan(mode, { step, hidden }, output, select = 'all') {
      const kernel = await kernels.layerNorm(mode, select)
      return kernel.dispatch({ step, input: hidden, weight, bias, output })
    },
  }
}
