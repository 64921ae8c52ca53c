// How many tokens pass through the GPU at once: as many as a batch has, memory allows and one submit a layer should take.

import type { ModelConfig } from '#core/formats/model-config.ts'

/** More gain nothing, and make a layer's submit too long for a driver. */
const MOST_COLUMNS = 1024

export interface ColumnChoice {
  readonly sequenceLength: number
  /** Sequences of a step. */
  readonly batchSize: number
  /** For the working buffers. */
  readonly freeBytes: number
}

/** A whole number of sequences, one at least. */
export function chooseColumns(config: ModelConfig, { sequenceLength, batchSize, freeBytes }: ColumnChoice): number {
  const most = Math.min(MOST_COLUMNS, Math.floor(freeBytes / columnBytes(config)))
  return sequenceLength * Math.max(1, Math.min(batchSize, Math.floor(most / sequenceLength)))
}

/** What a column takes of the buffers in working-buffers.ts. */
function columnBytes({ width, layers, heads, kvHeads, headDim, ffnWidth }: ModelConfig): number {
  const residuals = (layers + 6) * width
  const attention = 6 * (heads + kvHeads) * headDim + 4 * heads
  return 4 * (residuals + attention + 4 * ffnWidth + Math.max(width, heads * headDim, ffnWidth))
}
