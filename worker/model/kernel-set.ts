// The kernels of one shard under one profile, each made once however many layers and dispatch lists use it.

import type { DType } from '#core/formats/tensor-entry.ts'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { GpuContext } from '../gpu/context.ts'
import { createAttentionDecode, createAttentionPrefill, type Attention } from '../gpu/kernels/attention.ts'
import { createEmbedding, type Embedding } from '../gpu/kernels/embedding.ts'
import { createGatedMatVec, type GatedMatVec } from '../gpu/kernels/gated-mat-vec.ts'
import { createGelu, type Gelu } from '../gpu/kernels/gelu.ts'
import { createGemm } from '../gpu/kernels/gemm.ts'
import { createHeadNorm, type HeadNorm } from '../gpu/kernels/head-norm.ts'
import { createLayerNorm, type LayerNorm } from '../gpu/kernels/layer-norm.ts'
import type { Linear, LinearShape } from '../gpu/kernels/linear.ts'
import { createMatVec } from '../gpu/kernels/mat-vec.ts'
import { createRmsNorm, type RmsNorm } from '../gpu/kernels/rms-norm.ts'
import { createRope, type Rope } from '../gpu/kernels/rope.ts'
import { createSiluMultiply, type SiluMultiply } from '../gpu/kernels/silu-multiply.ts'
import type { KernelProfile } from '../gpu/profile.ts'
import type { StepMode } from './step-mode.ts'

export interface KernelSet {
  linear(mode: StepMode, shape: Omit<LinearShape, 'columns'>): Promise<Linear>
  gatedMatVec(mode: StepMode, gate: DType, up: DType): Promise<GatedMatVec>
  siluMultiply(mode: StepMode): Promise<SiluMultiply>
  gelu(mode: StepMode): Promise<Gelu>
  rmsNorm(mode: StepMode, select: 'all' | 'last'): Promise<RmsNorm>
  layerNorm(mode: StepMode, select: 'all' | 'last'): Promise<LayerNorm>
  headNorm(mode: StepMode, heads: number): Promise<HeadNorm>
  rope(mode: StepMode): Promise<Rope>
  attention(mode: StepMode): Promise<Attention>
  embedding(mode: StepMode, dtype: DType, index: 'token' | 'position'): Promise<Embedding>
}

export function createKernelSet(gpu: GpuContext, profile: KernelProfile, config: ModelConfig): KernelSet {
  const made = new Map<string, Promise<unknown>>()
  function once<T>(kernel: string, mode: StepMode, variant: unknown, make: () => Promise<T>): Promise<T> {
    const key = JSON.stringify([kernel, mode.family, mode.columns, variant])
    let found = made.get(key) as Promise<T> | undefined
    if (!found) {
      found = make()
      made.set(key, found)
      // A failed compilation is tried again by the next who needs it.
      found.catch(() => made.delete(key))
    }
    return found
  }
  const { width, ffnWidth, heads, kvHeads, headDim, rope, normEpsilon: epsilon } = config
  return {
    linear: (mode, shape) =>
      once('linear', mode, [shape.dtype, shape.bias ?? false, shape.accumulate ?? false], () => {
        const create = mode.family === 'prefill' ? createGemm : createMatVec
        return create(gpu, profile, { ...shape, columns: mode.columns })
      }),
    gatedMatVec: (mode, gate, up) =>
      once('gated-mat-vec', mode, [gate, up], () =>
        createGatedMatVec(gpu, profile, { gate, up, columns: mode.columns }),
      ),
    siluMultiply: (mode) =>
      once('silu-multiply', mode, 0, () => createSiluMultiply(gpu, { width: ffnWidth, columns: mode.columns })),
    gelu: (mode) => once('gelu', mode, 0, () => createGelu(gpu, { width: ffnWidth, columns: mode.columns })),
    rmsNorm: (mode, select) =>
      once('rms-norm', mode, select, () =>
        createRmsNorm(gpu, profile, { width, epsilon, columns: mode.columns, select }),
      ),
    layerNorm: (mode, select) =>
      once('layer-norm', mode, select, () =>
        createLayerNorm(gpu, profile, { width, epsilon, columns: mode.columns, select }),
      ),
    headNorm: (mode, count) =>
      once('head-norm', mode, count, () =>
        createHeadNorm(gpu, { heads: count, headDim, epsilon, columns: mode.columns }),
      ),
    rope: (mode) =>
      once('rope', mode, 0, () =>
        createRope(gpu, { heads, kvHeads, headDim, columns: mode.columns, ...(rope && { rope }) }),
      ),
    attention: (mode) =>
      once('attention', mode, 0, () => {
        const create = mode.family === 'prefill' ? createAttentionPrefill : createAttentionDecode
        return create(gpu, profile, { heads, kvHeads, headDim, columns: mode.columns })
      }),
    embedding: (mode, dtype, index) =>
      once('embedding', mode, [dtype, index], () =>
        createEmbedding(gpu, { dtype, columns: mode.columns, index, accumulate: index === 'position' }),
      ),
  }
}
