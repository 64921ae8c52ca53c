// The kernel benchmark: every shape and element type of the kernels that matter, in GB/s of weights or GFLOP/s, with
// the spread of the repeats. A function of a context, so that any page or process with a GPU can call it.

import type { DType } from '#core/formats/tensor-entry.ts'
import { isCpuAdapter } from './choose-profile.ts'
import type { GpuContext } from './context.ts'
import type { Dispatch } from './dispatch.ts'
import { createAttentionDecode, createAttentionPrefill } from './kernels/attention.ts'
import { createGatedMatVec } from './kernels/gated-mat-vec.ts'
import { createGemm } from './kernels/gemm.ts'
import { createMatVec } from './kernels/mat-vec.ts'
import { createRmsNorm } from './kernels/rms-norm.ts'
import { BASE_PROFILE, shapesOf, type KernelProfile } from './profile.ts'
import { createSampleMatrix, createSampleTensor } from './sample-buffers.ts'
import { createStepBuffer, type StepBuffer } from './step-buffer.ts'
import { createTensor, destroyTensor, type Tensor } from './tensor.ts'
import { timeDispatches, type Clock } from './timing.ts'

export interface KernelBenchRow {
  readonly kernel: 'mat-vec' | 'gated-mat-vec' | 'gemm' | 'attention-decode' | 'attention-prefill' | 'rms-norm'
  /** The shape of the profile that was timed. */
  readonly shape: string
  readonly dtype: DType
  /** Such as `1024x1024, 1 column`. */
  readonly size: string
  /** `GB/s` counts weight (or cache) bytes, `GFLOP/s` two operations a multiplication. */
  readonly unit: 'GB/s' | 'GFLOP/s'
  readonly median: number
  readonly slowest: number
  readonly fastest: number
  readonly milliseconds: number
}

export interface KernelBenchOptions {
  readonly now?: Clock
  readonly dtypes?: readonly DType[]
  /** Only shapes that compile quickly on a CPU adapter, which is the default there. */
  readonly quick?: boolean
  readonly onRow?: (row: KernelBenchRow) => void
  readonly signal?: AbortSignal
}

const DTYPES: readonly DType[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K']
const SLOW_ON_CPU: readonly string[] = ['slice4', 'slice16', 'tiled', 'threads128']

interface Bench {
  readonly gpu: GpuContext
  readonly step: StepBuffer
  readonly input: Tensor
  readonly output: Tensor
  readonly size: number
  shapes<K extends keyof KernelProfile>(kind: K): readonly KernelProfile[K][]
  measure(
    row: Pick<KernelBenchRow, 'kernel' | 'shape' | 'dtype' | 'size' | 'unit'>,
    work: number,
    columns: number,
    dispatches: readonly Dispatch[],
  ): Promise<void>
}

/** Rows for every kernel; a few seconds on a GPU, about a minute on a CPU adapter. */
export async function benchKernels(gpu: GpuContext, options: KernelBenchOptions = {}): Promise<KernelBenchRow[]> {
  const { now = () => performance.now(), dtypes = DTYPES, onRow, signal } = options
  const cpu = isCpuAdapter(gpu.info)
  const quick = options.quick ?? cpu
  const size = cpu ? 1024 : 4096
  const rows: KernelBenchRow[] = []
  const step = await createStepBuffer(gpu)
  const input = await createSampleTensor(gpu, 128 * size)
  const output = await createTensor(gpu, 'bench output', 128 * size)
  const bench: Bench = {
    gpu,
    step,
    input,
    output,
    size,
    shapes: (kind) => shapesOf(gpu, kind).filter((shape) => !quick || !SLOW_ON_CPU.includes(shape)),
    async measure(row, work, columns, dispatches) {
      signal?.throwIfAborted()
      step.write({ position: 512 - columns, columns })
      const { medianMs, fastestMs, slowestMs } = await timeDispatches(gpu, dispatches, {
        now,
        targetMs: 20,
        repeats: 5,
      })
      const rate = (milliseconds: number) => work / milliseconds / 1e6
      const done: KernelBenchRow = {
        ...row,
        median: rate(medianMs),
        slowest: rate(slowestMs),
        fastest: rate(fastestMs),
        milliseconds: medianMs,
      }
      rows.push(done)
      onRow?.(done)
    },
  }
  try {
    for (const dtype of dtypes) await benchMatrices(bench, dtype)
    await benchAttention(bench)
    await benchNorm(bench)
    return rows
  } finally {
    step.dispose()
    destroyTensor(gpu, input)
    destroyTensor(gpu, output)
  }
}

async function benchMatrices({ gpu, step, input, output, size, shapes, measure }: Bench, dtype: DType): Promise<void> {
  const matrix = await createSampleMatrix(gpu, dtype, size, size)
  const describe = (columns: number) => `${size}x${size}, ${columns} ${columns === 1 ? 'column' : 'columns'}`
  try {
    for (const shape of shapes('matvec')) {
      const profile = { ...BASE_PROFILE, matvec: shape }
      for (const columns of [1, 8]) {
        const kernel = await createMatVec(gpu, profile, { dtype, columns })
        const row = { kernel: 'mat-vec', shape, dtype, size: describe(columns), unit: 'GB/s' } as const
        await measure(row, matrix.bytes, columns, kernel.dispatch({ step, matrix, input, output }))
      }
      const gated = await createGatedMatVec(gpu, profile, { gate: dtype, up: dtype, columns: 1 })
      const row = { kernel: 'gated-mat-vec', shape, dtype, size: describe(1), unit: 'GB/s' } as const
      await measure(row, 2 * matrix.bytes, 1, gated.dispatch({ step, gate: matrix, up: matrix, input, output }))
    }
    for (const shape of shapes('gemm')) {
      const kernel = await createGemm(gpu, { ...BASE_PROFILE, gemm: shape }, { dtype, columns: 128 })
      const row = { kernel: 'gemm', shape, dtype, size: describe(128), unit: 'GFLOP/s' } as const
      await measure(row, 2 * size * size * 128, 128, kernel.dispatch({ step, matrix, input, output }))
    }
  } finally {
    matrix.dispose()
  }
}

async function benchAttention({ gpu, step, input, output, shapes, measure }: Bench): Promise<void> {
  const heads = { heads: 8, kvHeads: 2, headDim: 64 }
  const cache = await createSampleTensor(gpu, 512 * heads.kvHeads * heads.headDim)
  const buffers = { step, query: input, keyCache: cache, valueCache: cache, output }
  try {
    for (const shape of shapes('attention')) {
      const profile = { ...BASE_PROFILE, attention: shape }
      const common = { shape, dtype: 'F32' } as const
      const decode = await createAttentionDecode(gpu, profile, { ...heads, columns: 1 })
      await measure(
        { ...common, kernel: 'attention-decode', size: '8 heads of 64, 512 positions', unit: 'GB/s' },
        2 * cache.bytes,
        1,
        decode.dispatch(buffers),
      )
      const prefill = await createAttentionPrefill(gpu, profile, { ...heads, columns: 128 })
      // Scores and weighted sums, two operations each, over the positions the columns see.
      const seen = 128 * 512 - (128 * 127) / 2
      await measure(
        { ...common, kernel: 'attention-prefill', size: '8 heads of 64, 128 columns to 512', unit: 'GFLOP/s' },
        4 * heads.heads * heads.headDim * seen,
        128,
        prefill.dispatch(buffers),
      )
    }
  } finally {
    destroyTensor(gpu, cache)
  }
}

async function benchNorm({ gpu, step, input, output, size, shapes, measure }: Bench): Promise<void> {
  for (const shape of shapes('norm')) {
    const kernel = await createRmsNorm(
      gpu,
      { ...BASE_PROFILE, norm: shape },
      { width: size, epsilon: 1e-5, columns: 128 },
    )
    const row = { kernel: 'rms-norm', shape, dtype: 'F32', size: `${size}, 128 columns`, unit: 'GB/s' } as const
    await measure(row, 2 * 128 * size * 4, 128, [kernel.dispatch({ step, input, weight: input, output })])
  }
}
