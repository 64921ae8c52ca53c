// Times the kernels' shapes on this adapter and names the fastest of each: the profile, and the bandwidth that layer
// placement reckons with. A shape that answers wrongly here (a driver's fault) is not chosen.

import type { GpuContext, GpuInfo } from './context.ts'
import type { Dispatch } from './dispatch.ts'
import { createAttentionDecode } from './kernels/attention.ts'
import { createGemm } from './kernels/gemm.ts'
import { createMatVec } from './kernels/mat-vec.ts'
import { createRmsNorm } from './kernels/rms-norm.ts'
import { BASE_PROFILE, shapesOf, type KernelKind, type KernelProfile } from './profile.ts'
import { createSampleMatrix, createSampleTensor } from './sample-buffers.ts'
import { createStepBuffer } from './step-buffer.ts'
import { createSubmitter } from './submit.ts'
import { createTensor, destroyTensor, type Tensor } from './tensor.ts'
import { timeDispatches, type Clock } from './timing.ts'

export interface ProfileMeasurement {
  readonly profile: KernelProfile
  /** Weight bytes a second that a decode mat-vec reads with the chosen shape. */
  readonly weightBytesPerSecond: number
}

/** Whether the adapter is a processor in disguise, where barriers are dear and pipelines slow to compile. */
export function isCpuAdapter(info: Pick<GpuInfo, 'isFallback' | 'architecture' | 'description' | 'device'>): boolean {
  const names = `${info.architecture} ${info.device} ${info.description}`
  return info.isFallback || /swiftshader|llvmpipe|lavapipe|basic render/i.test(names)
}

/** Shapes worth trying: on a CPU adapter those that compile quickly, the barrier-heavy ones lose there anyway. */
function candidates<K extends KernelKind>(gpu: GpuContext, kind: K): readonly KernelProfile[K][] {
  const all = shapesOf(gpu, kind)
  if (!isCpuAdapter(gpu.info)) return all
  const quick = ['row1', 'subgroup', 'registers', 'threads4', 'threads32', 'threads64']
  return kind === 'norm' ? [BASE_PROFILE[kind]] : all.filter((shape) => quick.includes(shape))
}

/** Relative difference within which two shapes answer alike: their sums run in other orders. */
const TOLERANCE = 1e-3
const CHECKED = 64

/** Times the shapes on this adapter, in about a second. */
export async function chooseProfile(
  gpu: GpuContext,
  now: Clock = () => performance.now(),
): Promise<ProfileMeasurement> {
  const cpu = isCpuAdapter(gpu.info)
  const [rows, width] = cpu ? [1024, 1024] : [8192, 2048]
  const columns = cpu ? 16 : 128
  const attention = { heads: 16, kvHeads: 4, headDim: 64, columns: 1 }
  const position = 511
  const kv = 512 * attention.kvHeads * attention.headDim
  const step = await createStepBuffer(gpu)
  const matrix = await createSampleMatrix(gpu, 'Q4_0', rows, width)
  const submitter = createSubmitter(gpu)
  const tensors = {
    input: await createSampleTensor(gpu, columns * width),
    norm: await createSampleTensor(gpu, width),
    keys: await createSampleTensor(gpu, kv),
    output: await createTensor(gpu, 'sample output', columns * rows),
  }
  const { input, norm, keys, output } = tensors
  const timing = { now, targetMs: cpu ? 4 : 5, repeats: cpu ? 3 : 5 }

  /** The fastest of the candidates that answer as the first does. */
  async function fastest<K extends KernelKind>(
    kind: K,
    build: (profile: KernelProfile) => Promise<readonly Dispatch[]>,
    result: Tensor = output,
  ): Promise<{ shape: KernelProfile[K]; milliseconds: number }> {
    const shapes = candidates(gpu, kind)
    let best: { shape: KernelProfile[K]; milliseconds: number } | undefined
    let expected: Float32Array | undefined
    for (const shape of shapes) {
      if (shapes.length === 1 && kind !== 'matvec') return { shape, milliseconds: 0 }
      const dispatches = await build({ ...BASE_PROFILE, [kind]: shape })
      const [bytes] = await submitter.run(dispatches, [{ buffer: result.buffer, bytes: CHECKED * 4 }])
      const answer = new Float32Array(bytes as ArrayBuffer)
      expected ??= answer
      if (!alike(answer, expected)) continue
      const { medianMs } = await timeDispatches(gpu, dispatches, timing)
      if (!best || medianMs < best.milliseconds) best = { shape, milliseconds: medianMs }
    }
    return best ?? { shape: BASE_PROFILE[kind], milliseconds: 0 }
  }

  try {
    step.write({ position, columns: 1 })
    const matvec = await fastest('matvec', async (profile) =>
      (await createMatVec(gpu, profile, { dtype: 'Q4_0', columns: 1 })).dispatch({ step, matrix, input, output }),
    )
    const attend = await fastest('attention', async (profile) =>
      (await createAttentionDecode(gpu, profile, attention)).dispatch({
        step,
        query: input,
        keyCache: keys,
        valueCache: keys,
        output,
      }),
    )
    const normalise = await fastest('norm', async (profile) => [
      (await createRmsNorm(gpu, profile, { width, epsilon: 1e-5, columns: 1 })).dispatch({
        step,
        input,
        weight: norm,
        output,
      }),
    ])
    step.write({ position, columns })
    const gemm = await fastest('gemm', async (profile) =>
      (await createGemm(gpu, profile, { dtype: 'Q4_0', columns })).dispatch({ step, matrix, input, output }),
    )
    return {
      profile: { matvec: matvec.shape, gemm: gemm.shape, attention: attend.shape, norm: normalise.shape },
      weightBytesPerSecond: (matrix.bytes * 1000) / Math.max(matvec.milliseconds, 0.01),
    }
  } finally {
    submitter.dispose()
    step.dispose()
    matrix.dispose()
    for (const tensor of Object.values(tensors)) destroyTensor(gpu, tensor)
  }
}

function alike(a: Float32Array, b: Float32Array): boolean {
  const scale = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30)
  return a.every((value, i) => Math.abs(value - (b[i] as number)) <= TOLERANCE * scale)
}
