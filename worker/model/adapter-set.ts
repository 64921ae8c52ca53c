// The adapters that a shard now runs with. Several at once are one adapter of their joint rank: A's rows and B's columns
// side by side, B times its scale and weight, so that a linear gets `B · (A · input)` added by the kernels that every
// linear uses, and a column still does not know its neighbours.

import { CentramError } from '#core/errors.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import { checkAdapter } from '#core/genome/adapter.ts'
import { loraScale, parseModuleName, targetShape } from '#core/genome/lora-config.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createMatrixWriter, type GpuMatrix } from '../gpu/matrix.ts'
import { createTensor, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import { rotatedRows } from './rotated-rows.ts'
import { PREFILL_CHUNK, type ActiveAdapter } from './shard.ts'

/** What one linear gets. */
export interface LinearAdapter {
  /** `[joint rank, inputs]` */
  readonly a: GpuMatrix
  /** `[outputs, joint rank]`, for each part of a fused linear. */
  readonly b: readonly GpuMatrix[]
  /** `[columns, joint rank]` of scratch. */
  readonly low: Tensor
}

export interface AdapterSet {
  /** Grows with every change: lists of dispatches built for another are out of date. */
  readonly version: number
  readonly bytes: number
  /** Of a module such as `blk.0.attn_q`; undefined where nothing is added. */
  find(module: string): LinearAdapter | undefined
  /**
   * Runs with these from the next step on; none is the base model. What a KV cache holds stays as it was computed.
   * Throws `MODEL_MISMATCH`, `GPU_OUT_OF_MEMORY`, and then everything stays as it was.
   */
  activate(adapters: readonly ActiveAdapter[]): Promise<void>
  dispose(): void
}

/** The kernels read ranks four at a time; added rows and columns are zero. */
const RANK_STEP = 4

export function createAdapterSet(gpu: GpuContext, config: ModelConfig, range: LayerRange): AdapterSet {
  let linears = new Map<string, LinearAdapter>()
  let low: Tensor | undefined
  let version = 0
  let changing: Promise<unknown> = Promise.resolve()

  async function build(adapters: readonly ActiveAdapter[]): Promise<void> {
    for (const { adapter } of adapters) checkAdapter(config, adapter)
    const made: { dispose(): void }[] = []
    const next = new Map<string, LinearAdapter>()
    try {
      const rank = ranksOf(adapters)
      const scratch = rank > 0 ? await createTensor(gpu, 'adapter scratch', PREFILL_CHUNK * rank) : undefined
      if (scratch) made.push({ dispose: () => destroyTensor(gpu, scratch) })
      const names = new Set(adapters.flatMap(({ adapter }) => [...adapter.modules.keys()]))
      for (const name of names) {
        const { layer } = parseModuleName(config.family, name)
        if (!scratch || layer < range.first || layer >= range.last) continue
        const joined = joinAdapters(config, name, adapters)
        const matrices = await uploadPair(gpu, config, name, joined)
        made.push(...matrices.all)
        next.set(name, { a: matrices.a, b: matrices.b, low: scratch })
      }
      // Steps already submitted may still read the ones before.
      await gpu.device.queue.onSubmittedWorkDone()
      release()
      linears = next
      low = scratch
      version++
    } catch (error) {
      for (const part of made) part.dispose()
      throw error
    }
  }

  function release(): void {
    for (const { a, b } of linears.values()) for (const matrix of [a, ...b]) matrix.dispose()
    if (low) destroyTensor(gpu, low)
    linears = new Map()
    low = undefined
  }

  return {
    get version() {
      return version
    },
    get bytes() {
      const matrices = [...linears.values()].flatMap(({ a, b }) => [a, ...b])
      return matrices.reduce((sum, { bytes }) => sum + bytes, low?.bytes ?? 0)
    },
    find: (module) => linears.get(module),
    activate(adapters) {
      const changed = changing.then(() => build(adapters))
      changing = changed.catch(() => undefined)
      return changed
    },
    dispose: release,
  }
}

const padRank = (rank: number) => Math.ceil(rank / RANK_STEP) * RANK_STEP
const ranksOf = (adapters: readonly ActiveAdapter[]) =>
  padRank(adapters.reduce((sum, { adapter }) => sum + adapter.lora.rank, 0))

interface JoinedPair {
  readonly rank: number
  readonly a: Float32Array
  readonly b: Float32Array
}

/** The pairs of one linear side by side; B in the row order of the model's file. */
function joinAdapters(config: ModelConfig, name: string, adapters: readonly ActiveAdapter[]): JoinedPair {
  const { inputs, outputs } = targetShape(config, parseModuleName(config.family, name).target)
  const present = adapters.filter(({ adapter }) => adapter.modules.has(name))
  const rank = ranksOf(present)
  const a = new Float32Array(rank * inputs)
  const b = new Float32Array(outputs * rank)
  let first = 0
  for (const { adapter, weight = 1 } of present) {
    const pair = adapter.modules.get(name)
    const own = adapter.lora.rank
    if (!pair) continue
    const factor = loraScale(adapter.lora) * weight
    const rows = rotatedRows(config, name, pair.b, own)
    a.set(pair.a, first * inputs)
    for (let row = 0; row < outputs; row++) {
      for (let i = 0; i < own; i++) b[row * rank + first + i] = (rows[row * own + i] as number) * factor
    }
    first += own
  }
  return { rank, a, b }
}

async function uploadPair(
  gpu: GpuContext,
  config: ModelConfig,
  name: string,
  { rank, a, b }: JoinedPair,
): Promise<{ a: GpuMatrix; b: GpuMatrix[]; all: GpuMatrix[] }> {
  const { target } = parseModuleName(config.family, name)
  const { inputs, outputs } = targetShape(config, target)
  // GPT-2's q, k and v are three matrices here.
  const parts = target === 'attn_qkv' ? 3 : 1
  const all: GpuMatrix[] = []
  try {
    const first = await uploadMatrix(gpu, `${name} A`, rank, inputs, a)
    all.push(first)
    const rows = outputs / parts
    for (let part = 0; part < parts; part++) {
      all.push(
        await uploadMatrix(gpu, `${name} B`, rows, rank, b.subarray(part * rows * rank, (part + 1) * rows * rank)),
      )
    }
    return { a: first, b: all.slice(1), all }
  } catch (error) {
    for (const matrix of all) matrix.dispose()
    throw error
  }
}

async function uploadMatrix(
  gpu: GpuContext,
  label: string,
  rows: number,
  columns: number,
  values: Float32Array,
): Promise<GpuMatrix> {
  if (values.length !== rows * columns) throw new CentramError('INTERNAL', `${label}: ${values.length} values.`)
  const writer = await createMatrixWriter(gpu, label, 'F32', rows, columns)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  try {
    for (let row = 0; row < rows; row += writer.rowsPerPiece) {
      const last = Math.min(rows, row + writer.rowsPerPiece)
      writer.write(row, bytes.subarray(row * columns * 4, last * columns * 4))
    }
    return await writer.finish()
  } catch (error) {
    writer.abort()
    throw error
  }
}
