// A weight matrix `[rows = out, columns = in]` on the GPU, in the element type of its file: quantised weights stay
// quantised, repacked at load into contiguous words and separate scales, in slabs where one binding cannot hold them.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { GpuContext } from './context.ts'

export interface MatrixSlab {
  readonly firstRow: number
  readonly rows: number
  readonly quants: GPUBuffer
  /** The placeholder for element types without scales. */
  readonly scales: GPUBuffer
  /** Uniform: see shaders/lib/matrix.wgsl. */
  readonly shape: GPUBuffer
}

export interface GpuMatrix {
  readonly label: string
  readonly dtype: DType
  readonly rows: number
  readonly columns: number
  readonly slabs: readonly MatrixSlab[]
  /** Bytes on the GPU, padding included. */
  readonly bytes: number
  dispose(): void
}

export interface MatrixWriter {
  /** Rows a piece of at most 8 MiB of file bytes holds. */
  readonly rowsPerPiece: number
  /**
   * Whole rows in file layout, in ascending order without gaps (`firstRow` is the next row expected), at most
   * 8 MiB a call. Throws `BAD_ARGUMENT`.
   */
  write(firstRow: number, bytes: Uint8Array): void
  /**
   * For files that store the matrix as `[in, out]` (F32, F16, BF16 only): whole columns from `firstColumn` on, each of
   * `rows` elements, ascending without gaps; every call but the last carries a multiple of 32 columns.
   */
  writeTransposed(firstColumn: number, bytes: Uint8Array): void
  /** Throws `FORMAT_TRUNCATED` when rows are missing. */
  finish(): Promise<GpuMatrix>
  /** Frees the buffers of a matrix that will not be finished. */
  abort(): void
}

/**
 * Allocates the matrix and returns its writer. `columns` must be a multiple of the element type's block, and of 4.
 * Throws `MODEL_UNSUPPORTED` for a width the kernels cannot read, `GPU_OUT_OF_MEMORY`.
 */
export declare function createMatrixWriter(
  gpu: GpuContext,
  label: string,
  dtype: DType,
  rows: number,
  columns: number,
): Promise<MatrixWriter>

/** Bytes the matrix will take on the GPU, padding included, before anything is allocated. */
export declare function matrixBytes(dtype: DType, rows: number, columns: number): number
