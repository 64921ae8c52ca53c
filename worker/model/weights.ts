// Brings a model's tensors onto the GPU by name, read in bounded pieces, so that no more than a few MiB of them are ever
// in JavaScript memory. What it loaded it owns: one `dispose` frees everything.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { byteLengthOf, type TensorEntry } from '#core/formats/tensor-entry.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createMatrixWriter, type GpuMatrix, type MatrixWriter } from '../gpu/matrix.ts'
import { createTensorFrom, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { cutPieces, readPieces } from './read-pieces.ts'

export interface Weights {
  has(name: string): boolean
  /** Asked for twice, it is loaded once: a tied embedding and head share it. */
  matrix(name: string): Promise<GpuMatrix>
  /** One stored matrix as several, cut by output rows. */
  matrixParts(name: string, rows: readonly number[]): Promise<GpuMatrix[]>
  vector(name: string): Promise<Tensor>
  vectorParts(name: string, sizes: readonly number[]): Promise<Tensor[]>
  /** On the GPU so far. */
  readonly bytes: number
  dispose(): void
}

export interface WeightOptions {
  /** Called with the file bytes that were loaded, after every piece. */
  readonly onBytes?: (bytes: number) => void
  readonly signal?: AbortSignal
}

/** File bytes of one piece of a matrix that is stored transposed; the writer bounds the others. */
const PIECE_BYTES = 8 * 1024 * 1024
/** The writer takes transposed columns in multiples of this. */
const COLUMN_STEP = 32
/** Uploads are queued by the browser; waiting for the GPU this often bounds what it holds. */
const BYTES_IN_FLIGHT = 64 * 1024 * 1024

export function createWeights(gpu: GpuContext, model: OpenedModel, options: WeightOptions = {}): Weights {
  const { signal } = options
  const matrices = new Map<string, GpuMatrix[]>()
  const vectors: Tensor[] = []
  let bytes = 0
  let inFlight = 0
  let loss: CentramError | null = null
  void gpu.lost.then((error) => (loss = error))

  function locate(name: string): { entry: TensorEntry; source: ByteSource } {
    const entry = model.tensors.get(name)
    const source = entry && model.sources[entry.source]
    if (!entry || !source) throw new CentramError('INTERNAL', `The model has no tensor "${name}".`)
    return { entry, source }
  }

  async function account(loaded: number): Promise<void> {
    options.onBytes?.(loaded)
    inFlight += loaded
    if (inFlight >= BYTES_IN_FLIGHT) {
      inFlight = 0
      await gpu.device.queue.onSubmittedWorkDone()
    }
    if (loss) throw loss
    if (signal?.aborted) throw new CentramError('CANCELLED', 'Loading was cancelled.', { cause: signal.reason })
  }

  async function loadMatrix(name: string, rows: readonly number[] | null): Promise<GpuMatrix[]> {
    const { entry, source } = locate(name)
    const [out = 0, inner = 0] = entry.shape
    const writers: MatrixWriter[] = []
    try {
      for (const part of rows ?? [out]) writers.push(await createMatrixWriter(gpu, name, entry.dtype, part, inner))
      const parts = writers.map((writer, index) => ({ writer, rows: (rows ?? [out])[index] ?? 0 }))
      if (entry.transposed) await fillTransposed(entry, source, parts)
      else await fillRows(entry, source, parts)
      const finished: GpuMatrix[] = []
      for (const writer of writers) finished.push(await writer.finish())
      bytes += finished.reduce((sum, matrix) => sum + matrix.bytes, 0)
      return finished
    } catch (error) {
      for (const writer of writers) writer.abort()
      throw error
    }
  }

  async function fillRows(entry: TensorEntry, source: ByteSource, parts: readonly WriterPart[]): Promise<void> {
    const rowBytes = byteLengthOf(entry.dtype, entry.shape[1] ?? 0)
    let offset = entry.offset
    for (const { writer, rows } of parts) {
      const pieces = cutPieces(offset, rows, rowBytes, writer.rowsPerPiece)
      for await (const [piece, index] of readPieces(source, pieces, signal)) {
        writer.write(pieces[index]?.first ?? 0, piece)
        await account(piece.length)
      }
      offset += rows * rowBytes
    }
  }

  /** Each stored row holds one input's weights for every output: the parts lie side by side in it. */
  async function fillTransposed(entry: TensorEntry, source: ByteSource, parts: readonly WriterPart[]): Promise<void> {
    const [out = 0, inner = 0] = entry.shape
    const elementBytes = byteLengthOf(entry.dtype, 1)
    const columnBytes = out * elementBytes
    const most = Math.max(COLUMN_STEP, Math.floor(PIECE_BYTES / columnBytes / COLUMN_STEP) * COLUMN_STEP)
    const pieces = cutPieces(entry.offset, inner, columnBytes, most)
    for await (const [piece, index] of readPieces(source, pieces, signal)) {
      const first = pieces[index]?.first ?? 0
      let from = 0
      for (const { writer, rows } of parts) {
        const length = rows * elementBytes
        writer.writeTransposed(first, parts.length === 1 ? piece : sliceColumns(piece, columnBytes, from, length))
        from += length
      }
      await account(piece.length)
    }
  }

  async function loadVectors(name: string, sizes: readonly number[] | null): Promise<Tensor[]> {
    const { entry, source } = locate(name)
    const stored = await source.read(entry.offset, entry.byteLength, signal)
    const values = dequantise(entry.dtype, stored)
    const made: Tensor[] = []
    let first = 0
    for (const size of sizes ?? [values.length]) {
      const tensor = await createTensorFrom(gpu, name, values.subarray(first, first + size))
      vectors.push(tensor)
      made.push(tensor)
      bytes += tensor.bytes
      first += size
    }
    await account(stored.length)
    return made
  }

  async function matrixParts(name: string, rows: readonly number[] | null): Promise<GpuMatrix[]> {
    const found = matrices.get(name)
    if (found) return found
    const loaded = await loadMatrix(name, rows)
    matrices.set(name, loaded)
    return loaded
  }

  return {
    has: (name) => model.tensors.has(name),
    matrix: async (name) => firstOf(await matrixParts(name, null)),
    matrixParts,
    vector: async (name) => firstOf(await loadVectors(name, null)),
    vectorParts: loadVectors,
    get bytes() {
      return bytes
    },
    dispose() {
      for (const matrix of [...matrices.values()].flat()) matrix.dispose()
      for (const vector of vectors) destroyTensor(gpu, vector)
      matrices.clear()
      vectors.length = 0
    },
  }
}

interface WriterPart {
  readonly writer: MatrixWriter
  readonly rows: number
}

/** Of every stored row of `rowBytes`, the `length` bytes from `from` on, packed. */
function sliceColumns(piece: Uint8Array, rowBytes: number, from: number, length: number): Uint8Array {
  const rows = piece.length / rowBytes
  const packed = new Uint8Array(rows * length)
  for (let row = 0; row < rows; row++) {
    const begin = row * rowBytes + from
    packed.set(piece.subarray(begin, begin + length), row * length)
  }
  return packed
}

function firstOf<T>(items: readonly T[]): T {
  const [first] = items
  if (first === undefined) throw new CentramError('INTERNAL', 'A tensor was loaded as nothing.')
  return first
}
