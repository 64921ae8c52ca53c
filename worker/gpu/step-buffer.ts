// The few words that change between steps. Every prepared dispatch reads them from one small storage buffer, so that a
// list of dispatches is built once and replayed for each token.

import type { GpuContext } from './context.ts'

/** Columns whose token ids fit: one prefill chunk. */
export const MAX_STEP_COLUMNS = 128
const HEADER_WORDS = 4

export interface StepBuffer {
  /** u32: first column's position, columns, where they begin in the step, a spare one, then one token id per column. */
  readonly buffer: GPUBuffer
  /** Sets the next submitted step. `first`: where these columns begin among all of it. `tokens` where the embedding runs here. */
  write(step: { position: number; columns: number; first?: number; tokens?: Uint32Array }): void
  dispose(): void
}

/** `columns`: how many token ids fit; training runs whole batches as one step. */
export async function createStepBuffer(gpu: GpuContext, columns = MAX_STEP_COLUMNS): Promise<StepBuffer> {
  const words = new Uint32Array(HEADER_WORDS + columns)
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
  const buffer = await gpu.allocate('step', words.byteLength, usage)
  return {
    buffer,
    write({ position, columns: running, first = 0, tokens }) {
      words[0] = position
      words[1] = running
      words[2] = first
      if (tokens) words.set(tokens.subarray(0, columns), HEADER_WORDS)
      gpu.device.queue.writeBuffer(buffer, 0, words, 0, HEADER_WORDS + (tokens?.length ?? 0))
    },
    dispose: () => gpu.release(buffer),
  }
}
