// An f32 weight matrix that is trained. It lies as every F32 matrix does (block-layout.ts), so that the forward kernels
// read it, and its gradient and optimiser state lie the same way, so that the optimiser need not know the layout.

import { CentramError } from '#core/errors.ts'
import { GROUP, TILE_ROWS } from './block-layout.ts'
import type { GpuContext } from './context.ts'
import { matrixBytes, type GpuMatrix } from './matrix.ts'
import { createTensor, destroyTensor, writeTensor, type Tensor } from './tensor.ts'

export interface TrainableMatrix {
  /** For the kernels that read weights. */
  readonly matrix: GpuMatrix
  /** The same buffer, for the optimiser: `matrixElements(rows, columns)` elements. */
  readonly values: Tensor
}

/** Columns of a matrix that holds `columns`: the kernels read four at a time. Those added stay zero in training. */
export const paddedColumns = (columns: number): number => Math.ceil(columns / 4) * 4

/** Elements of the layout, padding included: the size of the gradient and of each optimiser state. */
export const matrixElements = (rows: number, columns: number): number =>
  matrixBytes('F32', rows, paddedColumns(columns)) / 4

/** From row-major `[rows, columns]`, of any size. */
export async function createTrainableMatrix(
  gpu: GpuContext,
  label: string,
  rows: number,
  columns: number,
  values?: Float32Array,
): Promise<TrainableMatrix> {
  const elements = matrixElements(rows, columns)
  if (elements * 4 > gpu.info.maxBindingBytes) {
    throw new CentramError(
      'GPU_OUT_OF_MEMORY',
      `${label}: ${rows} x ${columns} is too large to be trained on this GPU.`,
    )
  }
  const tensor = await createTensor(gpu, label, elements)
  const shape = await gpu.allocate(`${label} shape`, 32, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
  const width = paddedColumns(columns)
  const words = [0, rows, rows, Math.ceil(width / GROUP), width / 4, Math.ceil(rows / TILE_ROWS), 0, 0]
  gpu.device.queue.writeBuffer(shape, 0, new Uint32Array(words))
  if (values) writeTensor(gpu, tensor, packMatrix(values, rows, columns))
  return {
    values: tensor,
    matrix: {
      label,
      dtype: 'F32',
      rows,
      columns: width,
      slabs: [{ firstRow: 0, rows, quants: tensor.buffer, scales: gpu.placeholder, shape }],
      bytes: tensor.bytes,
      dispose() {
        destroyTensor(gpu, tensor)
        gpu.release(shape)
      },
    },
  }
}

/** Row-major `[rows, columns]` to the layout; padding is zero. */
export function packMatrix(values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(matrixElements(rows, columns))
  const place = placing(columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      packed[place(row, column)] = values[row * columns + column] as number
    }
  }
  return packed
}

/** The layout (of values, gradients, optimiser states) back to row-major `[rows, columns]`. */
export function unpackMatrix(packed: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * columns)
  const place = placing(columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = packed[place(row, column)] as number
    }
  }
  return values
}

function placing(columns: number): (row: number, column: number) => number {
  const words = Math.ceil(paddedColumns(columns) / GROUP) * GROUP
  return (row, column) => ((row >> 3) * words + column) * TILE_ROWS + (row & 7)
}
