// A weight matrix with its bias, where the file has one.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { GpuMatrix } from '../gpu/matrix.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { BlockParts } from './block.ts'
import type { StepMode } from './step-mode.ts'

export interface LinearLayer {
  readonly matrix: GpuMatrix
  /** `output = W · input + b`, or added into `output` (the residual stream). */
  plan(
    mode: StepMode,
    activations: Activations,
    input: Tensor,
    output: Tensor,
    how?: 'overwrite' | 'add',
  ): Promise<Dispatch[]>
}

/** Loads `NAME.weight` and `NAME.bias`. */
export async function loadLinear(parts: BlockParts, name: string): Promise<LinearLayer> {
  const { weights } = parts
  const matrix = await weights.matrix(`${name}.weight`)
  const bias = weights.has(`${name}.bias`) ? await weights.vector(`${name}.bias`) : undefined
  return createLinear(parts, matrix, bias)
}

/** Loads one stored matrix (and bias) as several, cut into so many output rows each: GPT-2's fused q, k and v. */
export async function loadFusedLinear<Name extends string>(
  parts: BlockParts,
  name: string,
  rows: Readonly<Record<Name, number>>,
): Promise<Record<Name, LinearLayer>> {
  const { weights } = parts
  const counts = Object.values<number>(rows)
  const matrices = await weights.matrixParts(`${name}.weight`, counts)
  const biases = weights.has(`${name}.bias`) ? await weights.vectorParts(`${name}.bias`, counts) : []
  const layers = matrices.map((matrix, index) => createLinear(parts, matrix, biases[index]))
  return Object.fromEntries(Object.keys(rows).map((part, index) => [part, layers[index]])) as Record<Name, LinearLayer>
}

export function createLinear({ kernels }: BlockParts, matrix: GpuMatrix, bias?: Tensor): LinearLayer {
  return {
    matrix,
    async plan(mode, { step }, input, output, how = 'overwrite') {
      const shape = { dtype: matrix.dtype, bias: bias !== undefined, accumulate: how === 'add' }
      const kernel = await kernels.linear(mode, shape)
      return kernel.dispatch({ step, matrix, input, output, ...(bias && { bias }) })
    },
  }
}
