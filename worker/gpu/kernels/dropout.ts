// Dropout whose mask is drawn anew wherever it is needed, from (seed, step, micro-batch, stream, element).

import { dropThreshold } from '#core/numeric/dropout.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { StepBuffer } from '../step-buffer.ts'
import type { Tensor } from '../tensor.ts'
import { quadsOf, requireElements } from './linear.ts'

/** Which masks are drawn: written once for each micro-batch. */
export interface DrawBuffer {
  readonly buffer: GPUBuffer
  /** `seed`: any safe integer. */
  write(draw: { seed: number; step: number; microBatch: number }): void
  dispose(): void
}

export interface DropoutShape {
  readonly width: number
  readonly columns: number
  /** 0 to 1, exclusive. */
  readonly rate: number
  /** Tells the masks of one step apart: a number of its own for each place. */
  readonly stream: number
  readonly accumulate?: boolean
}

export interface Dropout {
  /** `output (+)= input * mask / (1 - rate)`: on x in the forward, on the gradient in the backward. */
  dispatch(buffers: { step: StepBuffer; draw: DrawBuffer; input: Tensor; output: Tensor }): Dispatch
}

export async function createDrawBuffer(gpu: GpuContext): Promise<DrawBuffer> {
  const buffer = await gpu.allocate('draw', 16, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST)
  return {
    buffer,
    write({ seed, step, microBatch }) {
      const words = Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, step, microBatch)
      gpu.device.queue.writeBuffer(buffer, 0, words)
    },
    dispose: () => gpu.release(buffer),
  }
}

export async function createDropout(gpu: GpuContext, shape: DropoutShape): Promise<Dropout> {
  const { width, columns, rate, stream, accumulate = false } = shape
  const quads = quadsOf('dropout', width)
  const pipeline = await gpu.pipelines.get({
    label: 'dropout',
    parts: ['lib/step', 'lib/philox', 'dropout'],
    constants: {
      QUADS: quads,
      STREAM: stream,
      THRESHOLD: dropThreshold(rate),
      SCALE: 1 / (1 - rate),
      ACCUMULATE: Number(accumulate),
    },
  })
  return {
    dispatch({ step, draw, input, output }) {
      requireElements('dropout', input, columns * width)
      requireElements('dropout', output, columns * width)
      return {
        label: 'dropout',
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({ 0: step.buffer, 1: draw.buffer, 2: input.buffer, 3: output.buffer }),
        workgroups: [...foldWorkgroups(Math.ceil((columns * quads) / 64)), 1],
      }
    },
  }
}
