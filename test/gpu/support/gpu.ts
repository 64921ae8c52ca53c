// A GPU context for the kernel tests, seeded values, and a comparison that names the worst element.

import { expect } from 'vitest'
import type { DType } from '#core/formats/tensor-entry.ts'
import { BLOCKS } from '#core/formats/tensor-entry.ts'
import { bundledShaders } from '../../../worker/gpu/bundled-shaders.ts'
import { createGpuContext, type GpuContext, type GpuContextOptions } from '../../../worker/gpu/context.ts'
import type { Dispatch } from '../../../worker/gpu/dispatch.ts'
import { createMatrixWriter, type GpuMatrix } from '../../../worker/gpu/matrix.ts'
import { createSubmitter } from '../../../worker/gpu/submit.ts'
import type { Tensor } from '../../../worker/gpu/tensor.ts'

export const DTYPES = Object.keys(BLOCKS) as DType[]

export function openGpu(options: Partial<GpuContextOptions> = {}): Promise<GpuContext> {
  return createGpuContext({ gpu: navigator.gpu, shaders: bundledShaders, ...options })
}

/** Uniform in [-1, 1), from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
  }
}

export function randomValues(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const next = seeded(seed)
  return Float32Array.from({ length: count }, () => next() * scale)
}

/** A half of moderate size: exponent bits 5 to 14, so that products neither vanish nor overflow. */
function randomHalf(next: () => number): number {
  const sign = next() < 0 ? 0x8000 : 0
  const exponent = 5 + Math.floor(((next() + 1) / 2) * 10)
  return sign | (exponent << 10) | Math.floor(((next() + 1) / 2) * 1024)
}

/** Bytes of `elements` elements: every quant bit random, scales random halves of moderate size. */
export function randomBlocks(seed: number, dtype: DType, elements: number): Uint8Array<ArrayBuffer> {
  const next = seeded(seed)
  const { elements: perBlock, bytes } = BLOCKS[dtype]
  const out = new Uint8Array((elements / perBlock) * bytes)
  if (dtype === 'F32') return new Uint8Array(randomValues(seed, elements).buffer)
  for (let i = 0; i < out.length; i++) out[i] = Math.floor(((next() + 1) / 2) * 256)
  const halves =
    dtype === 'F16' || dtype === 'BF16'
      ? [0]
      : dtype === 'Q6_K'
        ? [208]
        : ['Q4_1', 'Q5_1', 'Q4_K', 'Q5_K'].includes(dtype)
          ? [0, 2]
          : [0]
  const view = new DataView(out.buffer)
  for (let block = 0; block < out.length; block += bytes) {
    for (const at of halves) {
      const bits = dtype === 'BF16' ? 0x3f00 | (randomHalf(next) & 0x80ff) : randomHalf(next)
      view.setUint16(block + at, bits, true)
    }
  }
  return out
}

/** Uploads a whole matrix in pieces of `piece` rows. */
export async function uploadMatrix(
  gpu: GpuContext,
  dtype: DType,
  rows: number,
  columns: number,
  bytes: Uint8Array,
  piece = rows,
): Promise<GpuMatrix> {
  const writer = await createMatrixWriter(gpu, `test ${dtype}`, dtype, rows, columns)
  const rowBytes = bytes.length / rows
  for (let row = 0; row < rows; row += piece) {
    writer.write(row, bytes.subarray(row * rowBytes, Math.min(rows, row + piece) * rowBytes))
  }
  return writer.finish()
}

/** Runs `dispatches` once and reads `tensor` back. */
export async function runAndRead(
  gpu: GpuContext,
  dispatches: readonly Dispatch[],
  tensor: Pick<Tensor, 'buffer' | 'bytes'>,
): Promise<Float32Array<ArrayBuffer>> {
  const submitter = createSubmitter(gpu)
  const [bytes] = await gpu.checked('a test dispatch', () =>
    submitter.run(dispatches, [{ buffer: tensor.buffer, bytes: tensor.bytes }]),
  )
  submitter.dispose()
  return new Float32Array(bytes as ArrayBuffer)
}

/**
 * Every |got - want| within `tolerance` of the reference's own scale (its largest magnitude, or `scale`).
 */
export function expectClose(got: Float32Array, want: Float32Array, tolerance: number, scale?: number): void {
  expect(got.length).toBe(want.length)
  const unit =
    scale ??
    Math.max(
      1e-30,
      want.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    )
  let worst = 0
  let at = -1
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs((got[i] as number) - (want[i] as number)) / unit
    if (!(error <= worst)) {
      worst = error
      at = i
    }
  }
  const where = `element ${at}: got ${got[at]}, want ${want[at]}`
  expect(worst, where).toBeLessThanOrEqual(tolerance)
}

/** The same bits, element for element. */
export function expectSameBits(got: Float32Array, want: Float32Array): void {
  const words = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length)
  const a = words(got)
  const b = words(want)
  expect(a.length).toBe(b.length)
  const at = a.findIndex((word, i) => word !== b[i])
  expect(at, at < 0 ? '' : `element ${at}: got ${got[at]}, want ${want[at]}`).toBe(-1)
}
