// Matrices and tensors with plausible contents, for measuring.

import { BLOCKS, type DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from './context.ts'
import { createMatrixWriter, type GpuMatrix } from './matrix.ts'
import { createTensorFrom, type Tensor } from './tensor.ts'

/** 0x2c2c is a small normal number as a half, as a bfloat and, twice, as an f32: no subnormal slows a CPU adapter. */
const BYTE = 0x2c

export async function createSampleMatrix(
  gpu: GpuContext,
  dtype: DType,
  rows: number,
  columns: number,
): Promise<GpuMatrix> {
  const writer = await createMatrixWriter(gpu, `sample ${dtype}`, dtype, rows, columns)
  const rowBytes = (columns / BLOCKS[dtype].elements) * BLOCKS[dtype].bytes
  const piece = new Uint8Array(writer.rowsPerPiece * rowBytes).fill(BYTE)
  for (let row = 0; row < rows; row += writer.rowsPerPiece) {
    writer.write(row, piece.subarray(0, Math.min(writer.rowsPerPiece, rows - row) * rowBytes))
  }
  return writer.finish()
}

/** Values that differ from element to element, so that a shape that mixes them up is found out. */
export function createSampleTensor(gpu: GpuContext, elements: number): Promise<Tensor> {
  return createTensorFrom(
    gpu,
    'sample',
    Float32Array.from({ length: elements }, (_, i) => Math.sin(i) + 0.25),
  )
}
