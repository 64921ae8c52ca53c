// What changes between training steps: the batch. Its rows (tokens) are the columns of one long step, sequence after
// sequence; a column attends to the columns of its own document alone, so that packing needs no padding and no mask.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from './context.ts'
import { createStepBuffer, type StepBuffer } from './step-buffer.ts'
import { createTensor, destroyTensor, writeTensor, type Tensor } from './tensor.ts'

/** The target of a column that carries no loss. */
export const NO_TARGET = 0xffffffff

export interface Batch {
  /** One entry a column each, all of one length. */
  readonly tokens: Uint32Array
  /** The token that should follow, or `NO_TARGET`. */
  readonly targets: Uint32Array
  /** Position within the document, for learned and rotary positions. */
  readonly positions: Uint32Array
  /** The column where the column's document begins; documents are contiguous, so this never falls. */
  readonly starts: Uint32Array
  /** What every column's loss gradient is multiplied by: 1 / (columns with a target in the whole optimiser step). */
  readonly lossScale: number
}

export interface BatchBuffers {
  /** Most columns. */
  readonly columns: number
  /** Columns and token ids, as the forward kernels read them. */
  readonly step: StepBuffer
  /** The same with positions in the place of token ids: learned positions are gathered like tokens. */
  readonly positions: StepBuffer
  /** u32 by column. */
  readonly targets: GPUBuffer
  /** u32: columns, 0, then (first column attended to, end of the document) by column. */
  readonly ranges: GPUBuffer
  readonly lossScale: Tensor
  /** Which columns gather which row, for the backward of the two embeddings. */
  readonly tokenGroups: GPUBuffer
  readonly positionGroups: GPUBuffer
  readonly bytes: number
  /** Sets the next submitted step. Throws `INTERNAL` where the batch does not fit or its documents are not contiguous. */
  write(batch: Batch): void
  dispose(): void
}

const HEADER_WORDS = 4
const RANGE_HEADER_WORDS = 2
/** row, first and end in the order of columns */
const GROUP_WORDS = 3

export async function createBatchBuffers(gpu: GpuContext, columns: number): Promise<BatchBuffers> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
  const groupWords = HEADER_WORDS + columns * (1 + GROUP_WORDS)
  const allocate = (label: string, words: number) => gpu.allocate(label, words * 4, usage)
  const step = await createStepBuffer(gpu, columns)
  const positions = await createStepBuffer(gpu, columns)
  const targets = await allocate('targets', columns)
  const ranges = await allocate('document ranges', RANGE_HEADER_WORDS + 2 * columns)
  const tokenGroups = await allocate('columns by token', groupWords)
  const positionGroups = await allocate('columns by position', groupWords)
  const lossScale = await createTensor(gpu, 'loss scale', 1)
  const { queue } = gpu.device
  return {
    columns,
    step,
    positions,
    targets,
    ranges,
    lossScale,
    tokenGroups,
    positionGroups,
    bytes: 4 * (2 * (HEADER_WORDS + columns) + columns + RANGE_HEADER_WORDS + 2 * columns + 2 * groupWords + 1),
    write(batch) {
      const count = batch.tokens.length
      checkBatch(batch, columns)
      step.write({ position: 0, columns: count, tokens: batch.tokens })
      positions.write({ position: 0, columns: count, tokens: batch.positions })
      queue.writeBuffer(targets, 0, Uint32Array.from(batch.targets))
      queue.writeBuffer(ranges, 0, documentRanges(batch.starts))
      queue.writeBuffer(tokenGroups, 0, groupColumns(batch.tokens, columns))
      queue.writeBuffer(positionGroups, 0, groupColumns(batch.positions, columns))
      writeTensor(gpu, lossScale, Float32Array.of(batch.lossScale))
    },
    dispose() {
      step.dispose()
      positions.dispose()
      for (const buffer of [targets, ranges, tokenGroups, positionGroups]) gpu.release(buffer)
      destroyTensor(gpu, lossScale)
    },
  }
}

function checkBatch({ tokens, targets, positions, starts }: Batch, columns: number): void {
  const count = tokens.length
  const whole = [targets, positions, starts].every(({ length }) => length === count)
  if (count < 1 || count > columns || !whole) {
    throw new CentramError('INTERNAL', `A batch of ${count} columns does not fit into ${columns}, or is not whole.`)
  }
  starts.forEach((start, column) => {
    const previous = column > 0 ? (starts[column - 1] as number) : 0
    if (start !== column && (column === 0 || start !== previous)) {
      throw new CentramError('INTERNAL', `Column ${column} begins its document at ${start}, between two others.`)
    }
  })
}

/** Columns, 0, then start and end of every column's document. */
export function documentRanges(starts: Uint32Array): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(RANGE_HEADER_WORDS + 2 * starts.length)
  words[0] = starts.length
  let end = starts.length
  for (let column = starts.length - 1; column >= 0; column--) {
    const start = starts[column] as number
    words[RANGE_HEADER_WORDS + 2 * column] = start
    words[RANGE_HEADER_WORDS + 2 * column + 1] = end
    if (start === column) end = column
  }
  return words
}

/**
 * Number of groups, three spare words, the columns ordered by index (a tie in column order), then row, first and end of
 * every group.
 */
export function groupColumns(indices: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from(indices.keys()).sort(
    (a, b) => (indices[a] as number) - (indices[b] as number) || a - b,
  )
  const words = new Uint32Array(HEADER_WORDS + capacity * (1 + GROUP_WORDS))
  words.set(order, HEADER_WORDS)
  const groupsAt = HEADER_WORDS + capacity
  let groups = 0
  for (let first = 0; first < order.length; groups++) {
    const row = indices[order[first] as number] as number
    let end = first + 1
    while (end < order.length && indices[order[end] as number] === row) end++
    words.set([row, first, end], groupsAt + groups * GROUP_WORDS)
    first = end
  }
  words[0] = groups
  return words
}
