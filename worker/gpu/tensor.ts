// A buffer of f32: activations as `[columns, width]` row-major, norm weights, biases, caches, tables.

import type { GpuContext } from './context.ts'

export interface Tensor {
  readonly label: string
  readonly buffer: GPUBuffer
  readonly elements: number
  readonly bytes: number
}

const USAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC

/** A zeroed tensor. Throws `GPU_OUT_OF_MEMORY`. */
export async function createTensor(gpu: GpuContext, label: string, elements: number): Promise<Tensor> {
  const bytes = elements * 4
  return { label, elements, bytes, buffer: await gpu.allocate(label, bytes, USAGE()) }
}

/** A tensor holding `values`. */
export async function createTensorFrom(gpu: GpuContext, label: string, values: Float32Array): Promise<Tensor> {
  const tensor = await createTensor(gpu, label, values.length)
  writeTensor(gpu, tensor, values)
  return tensor
}

/** Writes `values` from element `offset` on. */
export function writeTensor(gpu: GpuContext, tensor: Tensor, values: Float32Array, offset = 0): void {
  gpu.device.queue.writeBuffer(tensor.buffer, offset * 4, values.buffer, values.byteOffset, values.byteLength)
}

export function destroyTensor(gpu: GpuContext, tensor: Tensor): void {
  gpu.release(tensor.buffer)
}
