// A weight matrix `[rows = out, columns = in]` on the GPU, in the element type of its file: quantised weights stay
// quantised, repacked at load into contiguous words and separate scales, in slabs where one binding cannot hold them.

import { CentramError } from '#core/errors.ts'
import { BLOCKS, type DType } from '#core/formats/tensor-entry.ts'
import { GROUP, LAYOUTS, TILE_ROWS } from './block-layout.ts'
import type { GpuContext } from './context.ts'

export interface MatrixSlab {
  readonly firstRow: number
  readonly rows: number
  readonly quants: GPUBuffer
  /** The context's placeholder for element types without scales. */
  readonly scales: GPUBuffer
  /** Uniform `MatrixShape` of shaders/lib/quant.wgsl. */
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
  /** Rows that a piece of at most 8 MiB of file bytes holds; a multiple of 8, or all of them. */
  readonly rowsPerPiece: number
  /**
   * Whole rows in file layout, in ascending order without gaps (`firstRow` is the next row expected), at most
   * 8 MiB a call. Throws `BAD_ARGUMENT`.
   */
  write(firstRow: number, bytes: Uint8Array): void
  /**
   * For files that store the matrix as `[in, out]` (F32, F16, BF16 only): whole columns from `firstColumn` on, each of
   * `rows` elements, ascending without gaps, at most 8 MiB a call; every call but the last carries an even count.
   */
  writeTransposed(firstColumn: number, bytes: Uint8Array): void
  /** Throws `FORMAT_TRUNCATED` when rows are missing. */
  finish(): Promise<GpuMatrix>
  /** Frees the buffers of a matrix that will not be finished. */
  abort(): void
}

/** Bytes of one piece, at most: what a load holds in memory at a time. */
export const PIECE_BYTES = 8 * 1024 * 1024
/** Slabs end at multiples of this many rows. */
const SLAB_ROWS = 256
const SHAPE_BYTES = 32

interface Measures {
  readonly groups: number
  readonly wordsPerRow: number
  readonly scalesPerRow: number
  readonly rowBytes: number
}

function measure(dtype: DType, columns: number): Measures {
  const groups = Math.ceil(columns / GROUP)
  const layout = LAYOUTS[dtype]
  return {
    groups,
    wordsPerRow: groups * layout.groupWords,
    scalesPerRow: layout.scaleWords(groups),
    rowBytes: (columns / BLOCKS[dtype].elements) * BLOCKS[dtype].bytes,
  }
}

const paddedRows = (rows: number) => Math.ceil(rows / TILE_ROWS) * TILE_ROWS

/** Bytes the matrix will take on the GPU, padding included, before anything is allocated. */
export function matrixBytes(dtype: DType, rows: number, columns: number): number {
  const { wordsPerRow, scalesPerRow } = measure(dtype, columns)
  return paddedRows(rows) * (wordsPerRow + scalesPerRow) * 4
}

/**
 * Allocates the matrix and returns its writer. `columns` must be a multiple of the element type's block, and of 4.
 * Throws `MODEL_UNSUPPORTED` for a width the kernels cannot read, `GPU_OUT_OF_MEMORY`.
 */
export async function createMatrixWriter(
  gpu: GpuContext,
  label: string,
  dtype: DType,
  rows: number,
  columns: number,
): Promise<MatrixWriter> {
  const block = BLOCKS[dtype].elements
  if (rows < 1 || columns < 1 || columns % 4 !== 0 || columns % block !== 0) {
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `${label}: ${rows} x ${columns} elements of ${dtype} cannot be used; the row length must be a multiple of ` +
        `${Math.max(4, block)}.`,
    )
  }
  const { wordsPerRow, scalesPerRow, rowBytes, groups } = measure(dtype, columns)
  const layout = LAYOUTS[dtype]
  const slabs = await allocateSlabs(gpu, label, rows, columns, wordsPerRow, scalesPerRow, groups)
  const stagingRows = Math.max(TILE_ROWS, Math.floor(PIECE_BYTES / rowBytes / TILE_ROWS) * TILE_ROWS)
  const rowsPerPiece = Math.min(rows, stagingRows)
  // A tile is written whole, so rows of an unfinished one wait here, in file layout.
  const carry = new Uint8Array((TILE_ROWS - 1) * rowBytes)
  let carried = 0
  let nextRow = 0
  let nextColumn = 0

  /** The slab that holds `row`; slabs are few. */
  const slabOf = (row: number) => slabs.find((slab) => row < slab.firstRow + slab.rows) as MatrixSlab

  /** Repacks and uploads whole tiles (or the last, broken one) of one slab. */
  function upload(slab: MatrixSlab, firstRow: number, count: number, bytes: Uint8Array, at: number): void {
    const tiles = Math.ceil(count / TILE_ROWS)
    const words = new Uint32Array(tiles * TILE_ROWS * wordsPerRow)
    const scales = new Uint32Array(tiles * TILE_ROWS * scalesPerRow)
    for (let row = 0; row < count; row++) {
      const tile = row >> 3
      const lane = row & 7
      const wordsAt = tile * TILE_ROWS * wordsPerRow + lane
      const scalesAt = tile * TILE_ROWS * scalesPerRow + lane
      layout.repack(bytes, at + row * rowBytes, columns, words, wordsAt, scales, scalesAt)
    }
    const offset = firstRow - slab.firstRow
    gpu.device.queue.writeBuffer(slab.quants, offset * wordsPerRow * 4, words)
    if (scalesPerRow > 0) gpu.device.queue.writeBuffer(slab.scales, offset * scalesPerRow * 4, scales)
  }

  /** Rows from `firstRow` (a tile's first) on, cut at slab ends and into bounded uploads. */
  function uploadRows(firstRow: number, count: number, bytes: Uint8Array, at: number): void {
    let done = 0
    while (done < count) {
      const row = firstRow + done
      const slab = slabOf(row)
      const take = Math.min(count - done, slab.firstRow + slab.rows - row, stagingRows)
      upload(slab, row, take, bytes, at + done * rowBytes)
      done += take
    }
  }

  const wrong = (what: string) => new CentramError('BAD_ARGUMENT', `${label}: ${what}`)

  return {
    rowsPerPiece,
    write(firstRow, bytes) {
      const count = bytes.length / rowBytes
      if (firstRow !== nextRow || nextColumn > 0) throw wrong(`row ${nextRow} comes next, not ${firstRow}.`)
      if (!Number.isInteger(count) || nextRow + count > rows) {
        throw wrong(`${bytes.length} bytes from row ${firstRow} on are not whole rows of ${rowBytes} bytes of ${rows}.`)
      }
      if (bytes.length > Math.max(PIECE_BYTES, TILE_ROWS * rowBytes)) throw wrong('a piece may hold 8 MiB at most.')
      nextRow += count
      let at = 0
      if (carried > 0) {
        const take = Math.min(TILE_ROWS - carried, count)
        const whole = new Uint8Array((carried + take) * rowBytes)
        whole.set(carry.subarray(0, carried * rowBytes))
        whole.set(bytes.subarray(0, take * rowBytes), carried * rowBytes)
        at = take
        if (carried + take < TILE_ROWS && nextRow < rows) {
          carry.set(bytes.subarray(0, take * rowBytes), carried * rowBytes)
          carried += take
          return
        }
        uploadRows(firstRow - carried, carried + take, whole, 0)
        carried = 0
      }
      const left = count - at
      const ready = nextRow === rows ? left : left - (left % TILE_ROWS)
      if (ready > 0) uploadRows(firstRow + at, ready, bytes, at * rowBytes)
      carried = left - ready
      carry.set(bytes.subarray((at + ready) * rowBytes))
    },
    writeTransposed(firstColumn, bytes) {
      if (block !== 1) throw wrong(`${dtype} cannot be stored transposed.`)
      const size = BLOCKS[dtype].bytes
      const count = bytes.length / (rows * size)
      if (firstColumn !== nextColumn || nextRow > 0) throw wrong(`column ${nextColumn} comes next, not ${firstColumn}.`)
      const even = count % 2 === 0 || nextColumn + count === columns
      if (!Number.isInteger(count) || nextColumn + count > columns || !even) {
        throw wrong(`${bytes.length} bytes from column ${firstColumn} on are not whole columns of ${rows} elements.`)
      }
      nextColumn += count
      // In a tile, the words of one stretch of columns are contiguous.
      const perWord = 4 / size
      const wordCount = count / perWord
      const firstWord = firstColumn / perWord
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const words = new Uint32Array(wordCount * TILE_ROWS)
      for (let tileRow = 0; tileRow < rows; tileRow += TILE_ROWS) {
        words.fill(0)
        for (let lane = 0; lane < Math.min(TILE_ROWS, rows - tileRow); lane++) {
          const row = tileRow + lane
          for (let w = 0; w < wordCount; w++) {
            words[w * TILE_ROWS + lane] =
              size === 4
                ? view.getUint32((w * rows + row) * 4, true)
                : view.getUint16((2 * w * rows + row) * 2, true) |
                  (view.getUint16(((2 * w + 1) * rows + row) * 2, true) << 16)
          }
        }
        const slab = slabOf(tileRow)
        const offset = (tileRow - slab.firstRow) * wordsPerRow + firstWord * TILE_ROWS
        gpu.device.queue.writeBuffer(slab.quants, offset * 4, words)
      }
    },
    async finish() {
      if (nextRow !== rows && nextColumn !== columns) {
        throw new CentramError(
          'FORMAT_TRUNCATED',
          `${label}: ${nextColumn > 0 ? `${nextColumn} of ${columns} columns` : `${nextRow} of ${rows} rows`} were read; ` +
            'the file is cut off.',
        )
      }
      return {
        label,
        dtype,
        rows,
        columns,
        slabs,
        bytes: matrixBytes(dtype, rows, columns),
        dispose: () => releaseSlabs(gpu, slabs),
      }
    },
    abort: () => releaseSlabs(gpu, slabs),
  }
}

/** Rows of a slab: as many multiples of 256 as the largest binding and buffer hold. */
function rowsOfSlab(gpu: GpuContext, label: string, wordsPerRow: number, scalesPerRow: number): number {
  const rowBytes = Math.max(wordsPerRow, scalesPerRow) * 4
  const rows = Math.floor(gpu.info.maxBindingBytes / rowBytes / SLAB_ROWS) * SLAB_ROWS
  if (rows === 0) {
    throw new CentramError(
      'GPU_OUT_OF_MEMORY',
      `${label}: ${SLAB_ROWS} rows take ${SLAB_ROWS * rowBytes} bytes, but this GPU binds ${gpu.info.maxBindingBytes} ` +
        'at most. Choose a smaller model or quantisation.',
    )
  }
  return rows
}

async function allocateSlabs(
  gpu: GpuContext,
  label: string,
  rows: number,
  columns: number,
  wordsPerRow: number,
  scalesPerRow: number,
  groups: number,
): Promise<MatrixSlab[]> {
  const slabRows = rowsOfSlab(gpu, label, wordsPerRow, scalesPerRow)
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
  const slabs: MatrixSlab[] = []
  const made: GPUBuffer[] = []
  const allocate = async (name: string, bytes: number, usage: GPUBufferUsageFlags) => {
    const buffer = await gpu.allocate(name, bytes, usage)
    made.push(buffer)
    return buffer
  }
  try {
    for (let firstRow = 0; firstRow < rows; firstRow += slabRows) {
      const count = Math.min(slabRows, rows - firstRow)
      const quants = await allocate(label, paddedRows(count) * wordsPerRow * 4, storage)
      const scales =
        scalesPerRow > 0
          ? await allocate(`${label} scales`, paddedRows(count) * scalesPerRow * 4, storage)
          : gpu.placeholder
      const shape = await allocate(`${label} shape`, SHAPE_BYTES, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
      const words = [firstRow, count, rows, groups, columns / 4, Math.ceil(count / TILE_ROWS), 0, 0]
      gpu.device.queue.writeBuffer(shape, 0, new Uint32Array(words))
      slabs.push({ firstRow, rows: count, quants, scales, shape })
    }
  } catch (error) {
    for (const buffer of made) gpu.release(buffer)
    throw error
  }
  return slabs
}

function releaseSlabs(gpu: GpuContext, slabs: readonly MatrixSlab[]): void {
  for (const slab of slabs) {
    gpu.release(slab.quants)
    if (slab.scales !== gpu.placeholder) gpu.release(slab.scales)
    gpu.release(slab.shape)
  }
}
