// What a block does with one session alone: its columns' keys and values go into that session's cache, and its queries look
// over it. All else in a step runs over the columns of every session at once.

import type { Dispatch } from '../gpu/dispatch.ts'
import type { StepBuffer } from '../gpu/step-buffer.ts'
import type { Activations } from './activations.ts'
import { inOrder, type LayerCache } from './block.ts'
import type { KernelSet } from './kernel-set.ts'
import type { StepMode } from './step-mode.ts'

/**
 * `activations.query`, `key` and `value` to `activations.attended`, for the columns that `segment` names; rotated first where
 * positions are rotary.
 */
export function planAttention(
  kernels: KernelSet,
  mode: StepMode,
  { query, key, value, attended: output }: Activations,
  segment: StepBuffer,
  { keys: keyCache, values: valueCache, ropeTable }: LayerCache,
): Promise<Dispatch[]> {
  const table = ropeTable && { table: ropeTable }
  return inOrder([
    kernels
      .rope(mode)
      .then((rope) => rope.dispatch({ step: segment, query, key, value, keyCache, valueCache, ...table })),
    kernels
      .attention(mode)
      .then((attention) => attention.dispatch({ step: segment, query, keyCache, valueCache, output })),
  ])
}
