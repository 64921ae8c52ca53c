// The context's promises: what is missing, refused, full or lost ends in an error with a code and a remedy.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CentramError } from '#core/errors.ts'
import { bundledShaders } from '../../worker/gpu/bundled-shaders.ts'
import { createGpuContext, type GpuContext } from '../../worker/gpu/context.ts'
import { createAdd } from '../../worker/gpu/kernels/add.ts'
import { createMatVec } from '../../worker/gpu/kernels/mat-vec.ts'
import { createMatrixWriter } from '../../worker/gpu/matrix.ts'
import { BASE_PROFILE } from '../../worker/gpu/profile.ts'
import { createStepBuffer } from '../../worker/gpu/step-buffer.ts'
import { createSubmitter } from '../../worker/gpu/submit.ts'
import { createTensor, createTensorFrom } from '../../worker/gpu/tensor.ts'
import { openGpu, randomValues } from './support/gpu.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

test('no WebGPU and no adapter are told apart, each with a remedy', async () => {
  await expect(createGpuContext({ gpu: undefined, shaders: bundledShaders })).rejects.toMatchObject({
    code: 'GPU_UNAVAILABLE',
    message: expect.stringContaining('secure context') as string,
  })
  const bare = { requestAdapter: async () => null } as unknown as GPU
  await expect(createGpuContext({ gpu: bare, shaders: bundledShaders })).rejects.toMatchObject({
    code: 'GPU_UNAVAILABLE',
    message: expect.stringContaining('hardware acceleration') as string,
  })
})

test('the context says what the adapter is and asks for all it offers', () => {
  expect(gpu.info.vendor).not.toBe('')
  expect(gpu.info.maxBindingBytes).toBeGreaterThanOrEqual(128 * 1024 * 1024)
  expect(gpu.device.limits.maxStorageBufferBindingSize).toBe(gpu.info.maxBindingBytes)
})

test('memory is counted as it is taken and given back', async () => {
  const before = gpu.allocatedBytes
  const tensor = await createTensor(gpu, 'counted', 1000)
  expect(gpu.allocatedBytes - before).toBe(4000)
  gpu.release(tensor.buffer)
  expect(gpu.allocatedBytes).toBe(before)
})

test('what cannot fit is refused by name, size and remedy', async () => {
  await expect(gpu.allocate('the KV cache', 2 ** 42, GPUBufferUsage.STORAGE)).rejects.toMatchObject({
    code: 'GPU_OUT_OF_MEMORY',
    message: expect.stringMatching(/the KV cache \(4194304 MiB.*smaller/) as string,
  })
  const before = gpu.allocatedBytes
  await expect(createMatrixWriter(gpu, 'blk.0.attn_q.weight', 'F32', 8, 30)).rejects.toMatchObject({
    code: 'MODEL_UNSUPPORTED',
  })
  const narrow = await openGpu({ maxBindingBytes: 1024 })
  await expect(createMatrixWriter(narrow, 'wide', 'F32', 8, 64)).rejects.toMatchObject({ code: 'GPU_OUT_OF_MEMORY' })
  narrow.dispose()
  expect(gpu.allocatedBytes).toBe(before)
})

test('a shader that does not compile names its line', async () => {
  const request = { label: 'broken', parts: [{ text: '@compute @workgroup_size(1) fn main() { let x = nothing; }' }] }
  await expect(gpu.pipelines.get(request)).rejects.toMatchObject({
    code: 'GPU_FAILED',
    message: expect.stringMatching(/broken.*nothing/s) as string,
  })
})

test('a pipeline is compiled once for all who ask', async () => {
  const before = gpu.pipelines.size
  const shape = { dtype: 'Q4_0', columns: 2, bias: true } as const
  await Promise.all([1, 2, 3].map(() => createMatVec(gpu, BASE_PROFILE, shape)))
  expect(gpu.pipelines.size).toBe(before + 1)
})

test('buffers that are too small are refused before they are bound', async () => {
  const step = await createStepBuffer(gpu)
  const kernel = await createAdd(gpu, { width: 8, columns: 2 })
  const [sum, term] = [await createTensor(gpu, 'sum', 16), await createTensor(gpu, 'term', 15)]
  expect(() => kernel.dispatch({ step, sum, term })).toThrow(/term holds 15 elements, 16 are needed/)
})

test('runs that overlap come back each with its own bytes', async () => {
  const submitter = createSubmitter(gpu)
  const step = await createStepBuffer(gpu)
  const kernel = await createAdd(gpu, { width: 64, columns: 1 })
  const term = await createTensorFrom(gpu, 'term', new Float32Array(64).fill(1))
  const sum = await createTensor(gpu, 'sum', 64)
  step.write({ position: 0, columns: 1 })
  const dispatch = kernel.dispatch({ step, sum, term })
  const runs = await Promise.all(
    Array.from({ length: 9 }, () => submitter.run([dispatch], [{ buffer: sum.buffer, offset: 8, bytes: 12 }])),
  )
  expect(runs.map(([bytes]) => [...new Float32Array(bytes as ArrayBuffer)])).toEqual(
    Array.from({ length: 9 }, (_, i) => [i + 1, i + 1, i + 1]),
  )
  submitter.dispose()
})

test('a command the GPU refuses reaches the handler', async () => {
  let resolve: (error: CentramError) => void = () => {}
  const promise = new Promise<CentramError>((done) => (resolve = done))
  const other = await openGpu({ onError: (error) => resolve(error) })
  other.device.queue.writeBuffer(other.placeholder, 1024, new Uint32Array(1))
  expect(await promise).toMatchObject({ code: 'GPU_FAILED', message: expect.stringContaining('refused') as string })
  other.dispose()
})

test('a lost device is told, and what waits on it fails with the same code', async () => {
  const other = await openGpu()
  const tensor = await createTensorFrom(other, 't', randomValues(1, 16))
  other.device.destroy()
  expect(await other.lost).toMatchObject({ code: 'GPU_LOST', message: expect.stringContaining('Reload') as string })
  const reading = createSubmitter(other).run([], [{ buffer: tensor.buffer, bytes: 16 }])
  await expect(reading).rejects.toMatchObject({ code: 'GPU_LOST' })
})

test('a context closed on purpose is not reported as lost', async () => {
  const other = await openGpu()
  const outcome = Promise.race([other.lost, new Promise((resolve) => setTimeout(() => resolve('quiet'), 200))])
  other.dispose()
  expect(await outcome).toBe('quiet')
})
