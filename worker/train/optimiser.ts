// AdamW over all parameters, with clipping of the gradients' joint norm.

import type { AdamWOptions } from '#core/numeric/adamw.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createAdamW, createAdamWRates } from '../gpu/kernels/adamw.ts'
import { createGradientNorm } from '../gpu/kernels/gradient-norm.ts'
import { createSubmitter } from '../gpu/submit.ts'
import { createTensorFrom, destroyTensor, type Tensor } from '../gpu/tensor.ts'
import type { Parameter } from './parameters.ts'

export interface Optimiser {
  /** Leaves the norm of the gradients, and the factor that clips it to `limit` (0: none), on the GPU. */
  measure(limit: number): Promise<number>
  /** One step from the gradients; `step` counts from 1. `clipped` multiplies them by the factor last measured. */
  apply(options: AdamWOptions, step: number, clipped: boolean): void
  /** Of the last measurement, for whoever scales gradients by it. */
  readonly factor: Tensor
  dispose(): void
}

export async function createOptimiser(gpu: GpuContext, parameters: readonly Parameter[]): Promise<Optimiser> {
  const norm = await createGradientNorm(
    gpu,
    parameters.map(({ gradient }) => gradient),
  )
  const adamW = await createAdamW(gpu)
  const rates = { decaying: await createAdamWRates(gpu), plain: await createAdamWRates(gpu) }
  const one = await createTensorFrom(gpu, 'one', Float32Array.of(1))
  const submitter = createSubmitter(gpu)
  const plan = (clipped: boolean) =>
    parameters.map(({ values: parameter, gradient, firstMoment, secondMoment, decays }) =>
      adamW.dispatch({
        rates: decays ? rates.decaying : rates.plain,
        factor: clipped ? norm.factor : one,
        parameter,
        gradient,
        firstMoment,
        secondMoment,
      }),
    )
  const updates = { clipped: plan(true), plain: plan(false) }
  return {
    factor: norm.factor,
    async measure(limit) {
      norm.setLimit(limit)
      const [bytes] = await submitter.run(norm.dispatches, [{ buffer: norm.result.buffer, bytes: 4 }])
      return new Float32Array(bytes ?? new ArrayBuffer(4))[0] ?? NaN
    },
    apply(options, step, clipped) {
      rates.decaying.write(options, step)
      rates.plain.write({ ...options, weightDecay: 0 }, step)
      void submitter.run(clipped ? updates.clipped : updates.plain)
    },
    dispose() {
      norm.dispose()
      rates.decaying.dispose()
      rates.plain.dispose()
      destroyTensor(gpu, one)
      submitter.dispose()
    },
  }
}
