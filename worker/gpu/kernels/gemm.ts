// Matrix product for prefill, register-blocked, dequantising in registers.

import type { GpuContext } from '../context.ts'
import type { KernelProfile } from '../profile.ts'
import { linearOver, type Linear, type LinearShape } from './linear.ts'
import { weightText } from './weight-text.ts'

export async function createGemm(gpu: GpuContext, profile: KernelProfile, shape: LinearShape): Promise<Linear> {
  const tiled = profile.gemm === 'tiled'
  // Eight rows a thread: two tile blocks side by side waste few rows of a small matrix.
  const tiles = 2
  const pipeline = await gpu.pipelines.get({
    label: `gemm ${shape.dtype}`,
    parts: [
      'lib/step',
      'lib/quant',
      await weightText(gpu.shaders, shape.dtype),
      'lib/linear',
      tiled ? 'gemm-tiled' : 'gemm',
    ],
    constants: {
      HAS_BIAS: Number(shape.bias ?? false),
      ACCUMULATE: Number(shape.accumulate ?? false),
      ...(!tiled && { TILES: tiles, THREADS: 8 * tiles }),
    },
  })
  return linearOver(gpu, pipeline, shape, tiled ? { rows: 64, columns: 64 } : { rows: 8 * tiles * 8, columns: 8 })
}
