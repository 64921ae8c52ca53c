// Brings a model's tensors onto the GPU by name, read in bounded pieces, so that no more than a few MiB of them are ever
// in JavaScript memory. One `dispose` gives everything back to the store, which frees it unless others hold it too.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { byteLengthOf, type TensorEntry } from '#core/formats/tensor-entry.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createMatrixWriter, type GpuMatrix, type MatrixWriter } from '../gpu/matrix.ts'
import { createTensorFrom, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { cutPieces, readPieces } from './read-pieces.ts'
import { createWeightStore, type WeightStore } from './weight-store.ts'

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
  /** Shared with others of this GPU; without it nothing outlives `dispose`. */
  readonly store?: WeightStore
}

/** File bytes of one piece of a matrix that is stored transposed; the writer bounds the others. */
const PIECE_BYTES = 8 * 1024 * 1024
/** The writer takes transposed columns in multiples of this. */
const COLUMN_STEP = 32
/** Uploads are queued by the browser; waiting for the GPU this often bounds what it holds. */
const BYTES_IN_FLIGHT = 64 * 1024 * 1024

export function createWeights(gpu: GpuContext, model: OpenedModel, options: WeightOptions = {}): Weights {
  const { signal } = options
  const { store = createWeightStore() } = options
  const matrices = new Map<string, GpuMatrix[]>()
  const releases: (() => void)[] = []
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
      try {
        made.push(await createTensorFrom(gpu, name, values.subarray(first, first + size)))
      } catch (error) {
        for (const tensor of made) destroyTensor(gpu, tensor)
        throw error
      }
      first += size
    }
    await account(stored.length)
    return made
  }

  /** Of the store, or loaded into it; then it counts as loaded here. */
  async function hold<T extends readonly { bytes: number; dispose(): void }[]>(
    name: string,
    cuts: readonly number[] | null,
    load: () => Promise<T>,
  ): Promise<T> {
    let isNew = false
    const { parts, release } = await store.hold(weightKey(model, name, cuts), () => {
      isNew = true
      return load()
    })
    releases.push(release)
    bytes += parts.reduce((sum, part) => sum + part.bytes, 0)
    if (!isNew) options.onBytes?.(locate(name).entry.byteLength)
    return parts
  }

  async function vectorParts(name: string, sizes: readonly number[] | null): Promise<Tensor[]> {
    const parts = await hold(name, sizes, async () => {
      const made = await loadVectors(name, sizes)
      return made.map((tensor) => ({ tensor, bytes: tensor.bytes, dispose: () => destroyTensor(gpu, tensor) }))
    })
    return parts.map(({ tensor }) => tensor)
  }

  async function matrixParts(name: string, rows: readonly number[] | null): Promise<GpuMatrix[]> {
    const found = matrices.get(name)
    if (found) return found
    const loaded = await hold(name, rows, () => loadMatrix(name, rows))
    matrices.set(name, loaded)
    return loaded
  }

  return {
    has: (name) => model.tensors.has(name),
    matrix: async (name) => firstOf(await matrixParts(name, null)),
    matrixParts,
    vector: async (name) => firstOf(await vectorParts(name, null)),
    vectorParts,
    get bytes() {
      return bytes
    },
    dispose() {
      matrices.clear()
      for (const release of releases.splice(0)) release()
    },
  }
}

/** Whether what a store knows by `key` is a part of one of these tensors. */
export function isPartOf(key: string, model: OpenedModel, names: ReadonlySet<string>): boolean {
  const [fingerprint, name = ''] = key.split('/')
  return fingerprint === model.fingerprint && names.has(name)
}

function weightKey(model: OpenedModel, name: string, cuts: readonly number[] | null): string {
  return [model.fingerprint, name, ...(cuts ?? ['whole'])].join('/')
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
