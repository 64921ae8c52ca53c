// How long dispatches take on this adapter: wall clock around submits, enough of them to be seen, the median of a few.

import { recordDispatches, type Dispatch } from './dispatch.ts'
import type { GpuContext } from './context.ts'

/** Milliseconds, monotonic. */
export type Clock = () => number

export interface TimingOptions {
  readonly now: Clock
  /** Length of one repeat: dispatches are replayed until they should take this long. */
  readonly targetMs: number
  readonly repeats: number
}

export interface Timing {
  /** Of one replay of the dispatches. */
  readonly medianMs: number
  readonly fastestMs: number
  readonly slowestMs: number
}

const MAX_REPLAYS = 256

/** Times `dispatches`, after one run that is not counted. */
export async function timeDispatches(
  gpu: GpuContext,
  dispatches: readonly Dispatch[],
  { now, targetMs, repeats }: TimingOptions,
): Promise<Timing> {
  const run = async (replays: number): Promise<number> => {
    const encoder = gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < replays; i++) recordDispatches(pass, dispatches)
    pass.end()
    const commands = encoder.finish()
    const start = now()
    gpu.device.queue.submit([commands])
    await gpu.device.queue.onSubmittedWorkDone()
    return now() - start
  }
  await run(1)
  const once = await run(1)
  const replays = Math.min(MAX_REPLAYS, Math.max(1, Math.ceil(targetMs / Math.max(once, 0.05))))
  const times: number[] = []
  for (let i = 0; i < repeats; i++) times.push((await run(replays)) / replays)
  times.sort((a, b) => a - b)
  return {
    medianMs: times[times.length >> 1] as number,
    fastestMs: times[0] as number,
    slowestMs: times[times.length - 1] as number,
  }
}
