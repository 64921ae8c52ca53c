// The norm of all gradients together, and the factor that clips it: two stages, in a fixed order.

import type { GpuContext } from '../context.ts'
import type { Dispatch } from '../dispatch.ts'
import { createTensor, destroyTensor, writeTensor, type Tensor } from '../tensor.ts'

export interface GradientNorm {
  /** Element 0 is the norm, read back for the record. */
  readonly result: Tensor
  /** Element 0 is min(1, limit / norm): AdamW multiplies the gradient by it. */
  readonly factor: Tensor
  /** The largest norm; 0 leaves gradients as they are. */
  setLimit(limit: number): void
  readonly dispatches: readonly Dispatch[]
  dispose(): void
}

/** Elements of a tensor that one thread adds up, about. */
const PER_THREAD = 256
const MOST_WORKGROUPS = 64

const workgroupsOf = ({ elements }: Tensor) =>
  Math.max(1, Math.min(MOST_WORKGROUPS, Math.ceil(elements / (64 * PER_THREAD))))

/** For one list of gradients, that is replayed every step. */
export async function createGradientNorm(gpu: GpuContext, gradients: readonly Tensor[]): Promise<GradientNorm> {
  const label = 'gradient-norm'
  const counts = gradients.map((tensor) => workgroupsOf(tensor) * 64)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const partials = await createTensor(gpu, `${label} partials`, total)
  const limit = await createTensor(gpu, `${label} limit`, 1)
  const result = await createTensor(gpu, label, 1)
  const factor = await createTensor(gpu, `${label} factor`, 1)
  const bindings = { 1: partials.buffer, 2: limit.buffer, 3: result.buffer, 4: factor.buffer }
  const dispatches: Dispatch[] = []
  let first = 0
  for (const [index, gradient] of gradients.entries()) {
    const pipeline = await gpu.pipelines.get({
      label,
      parts: [label],
      entryPoint: 'squares',
      constants: { FIRST: first },
    })
    dispatches.push({
      label: `${label} ${gradient.label}`,
      pipeline: pipeline.pipeline,
      bindGroup: pipeline.bind({ ...bindings, 0: gradient.buffer }),
      workgroups: [workgroupsOf(gradient), 1, 1],
    })
    first += counts[index] as number
  }
  const finish = await gpu.pipelines.get({ label, parts: [label], entryPoint: 'finish', constants: { COUNT: total } })
  dispatches.push({
    label,
    pipeline: finish.pipeline,
    bindGroup: finish.bind({ ...bindings, 0: gpu.placeholder }),
    workgroups: [1, 1, 1],
  })
  return {
    result,
    factor,
    setLimit: (value) => writeTensor(gpu, limit, Float32Array.of(value)),
    dispatches,
    dispose() {
      for (const tensor of [partials, limit, result, factor]) destroyTensor(gpu, tensor)
    },
  }
}
