// Fused `output = silu(gate · input) * (up · input)` for decode.

import { CentramError } from '#core/errors.ts'
import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { GpuMatrix } from '../matrix.ts'
import type { KernelProfile } from '../profile.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'
import { columnTile, slicesOf } from './mat-vec.ts'
import { weightText } from './weight-text.ts'

export interface GatedMatVec {
  /** `gate` and `up` are of one shape; their element types may differ. */
  dispatch(buffers: { step: StepBuffer; gate: GpuMatrix; up: GpuMatrix; input: Tensor; output: Tensor }): Dispatch[]
}

/**
 * Two matrices in slabs must be cut at the same rows: element types of unlike size may not be, and the kernel then
 * cannot serve them (`canGate`); use two mat-vecs and `createSiluMultiply`.
 */
export function canGate(gate: GpuMatrix, up: GpuMatrix): boolean {
  return gate.slabs.length === up.slabs.length && gate.slabs.every((slab, i) => slab.rows === up.slabs[i]?.rows)
}

export async function createGatedMatVec(
  gpu: GpuContext,
  profile: KernelProfile,
  shape: { gate: DType; up: DType; columns: number },
): Promise<GatedMatVec> {
  const columns = columnTile(shape.columns)
  const slices = slicesOf(profile.matvec)
  const tiles = slices === 1 ? 4 : slices === 4 ? 2 : 1
  const rows = slices === 1 && columns === 1 ? 2 : 1
  const threads = 8 * slices * tiles
  const pipeline = await gpu.pipelines.get({
    label: `gated mat-vec ${shape.gate} ${shape.up}`,
    parts: [
      'lib/step',
      'lib/quant',
      'lib/activation',
      await weightText(gpu.shaders, shape.gate, 'gate', 0),
      await weightText(gpu.shaders, shape.up, 'up', 2),
      'gated-mat-vec',
    ],
    entryPoint: slices === 1 ? 'row_per_thread' : 'sliced',
    constants: {
      SLICES: slices,
      TILES: tiles,
      ROWS: rows,
      COLUMNS: columns,
      THREADS: threads,
      ...(slices > 1 && { PARTIALS: threads * columns }),
    },
  })
  return {
    dispatch({ step, gate, up, input, output }) {
      const label = `${pipeline.label} ${gate.label}`
      if (gate.dtype !== shape.gate || up.dtype !== shape.up || gate.columns !== up.columns || !canGate(gate, up)) {
        throw new CentramError('INTERNAL', `${label}: gate and up do not fit this kernel or each other.`)
      }
      requireElements(label, input, shape.columns * gate.columns)
      requireElements(label, output, shape.columns * gate.rows)
      return gate.slabs.map((slab, i) => {
        const other = up.slabs[i] as (typeof up.slabs)[number]
        return {
          label,
          pipeline: pipeline.pipeline,
          bindGroup: pipeline.bind({
            0: slab.quants,
            1: slab.scales,
            2: other.quants,
            3: other.scales,
            4: slab.shape,
            5: step.buffer,
            6: input.buffer,
            7: output.buffer,
          }),
          workgroups: [
            ...foldWorkgroups(Math.ceil(slab.rows / (8 * tiles * rows))),
            Math.ceil(shape.columns / columns),
          ],
        }
      })
    },
  }
}
