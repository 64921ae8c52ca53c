// A weight matrix with its bias, where the file has one, and what the active adapters add to it.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { GpuMatrix } from '../gpu/matrix.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Activations } from './activations.ts'
import type { BlockParts } from './block.ts'
import type { StepMode } from './step-mode.ts'

export interface LinearLayer {
  readonly matrix: GpuMatrix
  /** Whether an adapter is active on it: then a kernel that fuses it with others cannot serve. */
  adapted(): boolean
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
  return createLinear(parts, matrix, bias, { module: name, part: 0 })
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
  const layers = matrices.map((matrix, index) =>
    createLinear(parts, matrix, biases[index], { module: name, part: index }),
  )
  return Object.fromEntries(Object.keys(rows).map((part, index) => [part, layers[index]])) as Record<Name, LinearLayer>
}

/** Which linear an adapter knows it as: the module's name, and its part of a fused one. */
export interface LinearPlace {
  readonly module: string
  readonly part: number
}

export function createLinear(
  { kernels, adapters }: BlockParts,
  matrix: GpuMatrix,
  bias?: Tensor,
  place?: LinearPlace,
): LinearLayer {
  const findAdapter = () => place && adapters.find(place.module)
  return {
    matrix,
    adapted: () => findAdapter() !== undefined,
    async plan(mode, { step }, input, output, how = 'overwrite') {
      const shape = { dtype: matrix.dtype, bias: bias !== undefined, accumulate: how === 'add' }
      const kernel = await kernels.linear(mode, shape)
      const list = kernel.dispatch({ step, matrix, input, output, ...(bias && { bias }) })
      const adapter = findAdapter()
      const b = adapter?.b[place?.part ?? 0]
      if (!adapter || !b) return list
      const { a, low } = adapter
      const down = await kernels.linear(mode, { dtype: 'F32' })
      const up = await kernels.linear(mode, { dtype: 'F32', accumulate: true })
      return [
        ...list,
        ...down.dispatch({ step, matrix: a, input, output: low }),
        ...up.dispatch({ step, matrix: b, input: low, output }),
      ]
    },
  }
}
