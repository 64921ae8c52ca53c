// Records dispatches and copies in order.

import type { GpuContext } from '../gpu/context.ts'
import { recordDispatches, type Dispatch } from '../gpu/dispatch.ts'
import type { Command } from './scope.ts'

/** One command buffer, submitted. */
export function submitCommands({ device }: GpuContext, commands: readonly Command[]): void {
  const encoder = device.createCommandEncoder()
  let run: Dispatch[] = []
  const flush = () => {
    if (run.length === 0) return
    const pass = encoder.beginComputePass()
    recordDispatches(pass, run)
    pass.end()
    run = []
  }
  for (const command of commands) {
    if ('pipeline' in command) {
      run.push(command)
      continue
    }
    flush()
    const { from, to, elements, fromOffset = 0, toOffset = 0 } = command
    encoder.copyBufferToBuffer(from.buffer, fromOffset * 4, to.buffer, toOffset * 4, elements * 4)
  }
  flush()
  device.queue.submit([encoder.finish()])
}
