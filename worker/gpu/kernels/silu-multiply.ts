// `output = silu(gate) * up` over `[columns, width]`; the two-step form of the gated mat-vec, for prefill.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { foldWorkgroups } from '../grid.ts'
import { requireElements } from './linear.ts'

export interface SiluMultiply {
  /** `gate` becomes the result. */
  dispatch(buffers: { step: StepBuffer; gate: Tensor; up: Tensor }): Dispatch
}

export async function createSiluMultiply(
  gpu: GpuContext,
  shape: { width: number; columns: number },
): Promise<SiluMultiply> {
  const elements = shape.width * shape.columns
  const pipeline = await gpu.pipelines.get({
    label: 'silu-multiply',
    parts: ['lib/step', 'lib/activation', 'silu-multiply'],
    constants: { WIDTH: shape.width },
  })
  return {
    dispatch({ step, gate, up }) {
      requireElements('silu-multiply', gate, elements)
      requireElements('silu-multiply', up, elements)
      return {
        label: 'silu-multiply',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: gate.buffer, 2: up.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil(elements / 64)), 1],
      }
    },
  }
}
