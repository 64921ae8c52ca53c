// Mat-vec for decode, one to eight columns; a column's bits do not depend on how many run.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from '../context.ts'
import type { KernelProfile } from '../profile.ts'
import { linearOver, type Linear, type LinearShape } from './linear.ts'
import { weightText } from './weight-text.ts'

/** Columns of one workgroup: the step's own number, up to the next power of two. */
export function columnTile(columns: number): number {
  if (!Number.isInteger(columns) || columns < 1 || columns > 8) {
    throw new CentramError('INTERNAL', `A decode step runs 1 to 8 columns, not ${columns}.`)
  }
  return columns === 1 ? 1 : columns === 2 ? 2 : columns <= 4 ? 4 : 8
}

/** Threads that share a row, in the shapes without subgroups. */
export function slicesOf(matvec: KernelProfile['matvec']): number {
  return matvec === 'row1' ? 1 : matvec === 'slice4' ? 4 : 16
}

export async function createMatVec(gpu: GpuContext, profile: KernelProfile, shape: LinearShape): Promise<Linear> {
  const columns = columnTile(shape.columns)
  const subgroup = profile.matvec === 'subgroup'
  const weights = await weightText(gpu.shaders, shape.dtype)
  const parts = ['lib/step', 'lib/quant', weights, 'lib/linear', subgroup ? 'mat-vec-subgroup' : 'mat-vec']
  const label = `mat-vec ${shape.dtype}`
  const epilogue = { HAS_BIAS: Number(shape.bias ?? false), ACCUMULATE: Number(shape.accumulate ?? false) }
  if (subgroup) {
    const slices = 4
    const pipeline = await gpu.pipelines.get({
      label,
      parts: [{ text: 'enable subgroups;' }, ...parts],
      constants: {
        ...epilogue,
        SLICES: slices,
        COLUMNS: columns,
        THREADS: 32 * slices,
        PARTIALS: 8 * slices * columns,
      },
    })
    return linearOver(gpu, pipeline, shape, { rows: 8, columns })
  }
  const slices = slicesOf(profile.matvec)
  // 64 or 128 threads. One thread a row takes four rows, so that the inputs it has loaded serve four; the sums are the
  // same either way.
  const tiles = slices === 1 ? 4 : slices === 4 ? 2 : 1
  const rows = slices === 1 && columns === 1 ? 4 : 1
  const threads = 8 * slices * tiles
  const pipeline = await gpu.pipelines.get({
    label,
    parts,
    entryPoint: slices === 1 ? 'row_per_thread' : 'sliced',
    constants: {
      ...epilogue,
      SLICES: slices,
      TILES: tiles,
      ROWS: rows,
      COLUMNS: columns,
      THREADS: threads,
      ...(slices > 1 && { PARTIALS: threads * columns }),
    },
  })
  return linearOver(gpu, pipeline, shape, { rows: 8 * tiles * rows, columns })
}
