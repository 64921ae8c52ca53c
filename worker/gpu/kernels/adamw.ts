// AdamW over any buffers of one length: values, gradient and both moments.

import { adamWRates, type AdamWOptions } from '#core/numeric/adamw.ts'
import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { foldWorkgroups } from '../grid.ts'
import type { Tensor } from '../tensor.ts'
import { requireElements } from './linear.ts'

/** What changes between steps, one for each group of parameters that shares its weight decay. */
export interface AdamWRatesBuffer {
  readonly buffer: GPUBuffer
  /** `step` counts from 1. */
  write(options: AdamWOptions, step: number): void
  dispose(): void
}

export interface AdamW {
  dispatch(buffers: {
    rates: AdamWRatesBuffer
    /** Element 0 multiplies the gradient: `GradientNorm.factor`, or a tensor holding 1. */
    factor: Tensor
    gradient: Tensor
    parameter: Tensor
    firstMoment: Tensor
    secondMoment: Tensor
  }): Dispatch
}

export async function createAdamWRates(gpu: GpuContext): Promise<AdamWRatesBuffer> {
  const buffer = await gpu.allocate('optimiser rates', 32, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
  return {
    buffer,
    write(options, step) {
      gpu.device.queue.writeBuffer(buffer, 0, Float32Array.from(Object.values(adamWRates(options, step))))
    },
    dispose: () => gpu.release(buffer),
  }
}

export async function createAdamW(gpu: GpuContext): Promise<AdamW> {
  const pipeline = await gpu.pipelines.get({ label: 'adamw', parts: ['adamw'] })
  return {
    dispatch({ rates, factor, gradient, parameter, firstMoment, secondMoment }) {
      for (const tensor of [gradient, firstMoment, secondMoment]) {
        requireElements('adamw', tensor, parameter.elements)
      }
      return {
        label: `adamw ${parameter.label}`,
        pipeline: pipeline.pipeline,
        bindGroup: pipeline.bind({
          0: rates.buffer,
          1: factor.buffer,
          2: gradient.buffer,
          3: parameter.buffer,
          4: firstMoment.buffer,
          5: secondMoment.buffer,
        }),
        workgroups: [...foldWorkgroups(Math.ceil(parameter.elements / 64)), 1],
      }
    },
  }
}
