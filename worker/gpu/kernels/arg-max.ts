// The largest logit and its id, found on the GPU in two stages; the lower id wins a tie.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

export interface ArgMax {
  /** 8 bytes a column: u32 id, f32 logit. Read it with `Submitter.run`. */
  readonly result: GPUBuffer
  /** `logits` is `[columns, size]`; of the first few columns alone, where so many are named. */
  dispatch(buffers: { logits: Tensor }, columns?: number): Dispatch[]
  dispose(): void
}

/** Logits one workgroup of the first stage looks at. */
const STRETCH = 2048

export async function createArgMax(gpu: GpuContext, shape: { size: number; columns?: number }): Promise<ArgMax> {
  const { size, columns: most = 1 } = shape
  const stretches = Math.ceil(size / STRETCH)
  const request = { label: 'arg-max', parts: ['arg-max'], constants: { SIZE: size, STRETCH, STRETCHES: stretches } }
  const partial = await gpu.pipelines.get({
    ...request,
    entryPoint: 'partial',
    constants: { SIZE: size, STRETCH, STRETCHES: stretches },
  })
  const final = await gpu.pipelines.get({ ...request, entryPoint: 'final_stage', constants: { STRETCHES: stretches } })
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC
  const winners = await gpu.allocate('arg-max winners', most * stretches * 8, usage)
  const result = await gpu.allocate('arg-max result', most * 8, usage)
  return {
    result,
    dispatch({ logits }, columns = most) {
      requireElements('arg-max', logits, columns * size)
      const buffers = { 0: logits.buffer, 1: winners, 2: result }
      return [
        {
          label: 'arg-max',
          pipeline: partial.pipeline,
          bindGroup: partial.bind(buffers),
          workgroups: [stretches, columns, 1],
        },
        { label: 'arg-max', pipeline: final.pipeline, bindGroup: final.bind(buffers), workgroups: [1, columns, 1] },
      ]
    },
    dispose() {
      gpu.release(winners)
      gpu.release(result)
    },
  }
}
