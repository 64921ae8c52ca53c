// One step: a prepared list of dispatches in one command buffer and one submit, with the results copied out in the
// same submit and mapped when the GPU is done.

import { CentramError } from '#core/errors.ts'
import type { GpuContext } from './context.ts'
import { recordDispatches, type Dispatch } from './dispatch.ts'

/** A range to read back after the dispatches; bytes in multiples of 4. */
export interface ReadRequest {
  readonly buffer: GPUBuffer
  readonly offset?: number
  readonly bytes: number
}

export interface Submitter {
  /** Records, submits, and resolves with the bytes of `reads`, in order. Concurrent calls are served in call order. */
  run(dispatches: readonly Dispatch[], reads?: readonly ReadRequest[]): Promise<ArrayBuffer[]>
  /** Resolves when everything submitted so far has run. */
  idle(): Promise<void>
  dispose(): void
}

/** Staging buffers are kept for reuse: a ring per power-of-two size. */
export function createSubmitter(gpu: GpuContext): Submitter {
  const { device } = gpu
  const free = new Map<number, GPUBuffer[]>()

  function takeStaging(bytes: number): { staging: GPUBuffer; size: number } {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)))
    const staging =
      free.get(size)?.pop() ??
      device.createBuffer({ label: 'read-back', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
    return { staging, size }
  }

  return {
    async run(dispatches, reads = []) {
      const encoder = device.createCommandEncoder()
      if (dispatches.length > 0) {
        const pass = encoder.beginComputePass()
        recordDispatches(pass, dispatches)
        pass.end()
      }
      const taken = reads.map((read) => {
        const slot = takeStaging(read.bytes)
        encoder.copyBufferToBuffer(read.buffer, read.offset ?? 0, slot.staging, 0, read.bytes)
        return { ...slot, bytes: read.bytes }
      })
      device.queue.submit([encoder.finish()])
      const maps = taken.map(({ staging, bytes }) => staging.mapAsync(GPUMapMode.READ, 0, Math.max(8, bytes)))
      try {
        await Promise.all(maps)
      } catch (cause) {
        for (const { staging } of taken) staging.destroy()
        throw new CentramError(
          'GPU_LOST',
          'The GPU was lost while a result was read back. Reload the model to go on.',
          {
            cause,
          },
        )
      }
      return taken.map(({ staging, size, bytes }) => {
        const copy = staging.getMappedRange(0, Math.max(8, bytes)).slice(0, bytes)
        staging.unmap()
        const list = free.get(size)
        if (list) list.push(staging)
        else free.set(size, [staging])
        return copy
      })
    },
    idle: () => device.queue.onSubmittedWorkDone(),
    dispose() {
      for (const list of free.values()) for (const staging of list) staging.destroy()
      free.clear()
    },
  }
}
