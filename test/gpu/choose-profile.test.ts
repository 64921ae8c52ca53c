import { expect, test } from 'vitest'
import { chooseProfile } from '../../worker/gpu/choose-profile.ts'
import { benchKernels, type KernelBenchRow } from '../../worker/gpu/kernel-bench.ts'
import { formatProfile, parseProfile, supportsProfile } from '../../worker/gpu/profile.ts'
import { openGpu } from './support/gpu.ts'

test('the chosen profile runs here, survives its text, and leaves no memory behind', async () => {
  const gpu = await openGpu()
  const before = gpu.allocatedBytes
  const { profile, weightBytesPerSecond } = await chooseProfile(gpu)
  expect(supportsProfile(gpu, profile)).toBe(true)
  expect(parseProfile(formatProfile(profile))).toEqual(profile)
  expect(weightBytesPerSecond).toBeGreaterThan(0)
  expect(Number.isFinite(weightBytesPerSecond)).toBe(true)
  expect(gpu.allocatedBytes).toBe(before)
  gpu.dispose()
})

test('the clock decides: the shape it sees as fastest is chosen', async () => {
  const gpu = await openGpu()
  // Every reading is a tenth of the step before: later candidates look faster and faster.
  let time = 0
  let advance = 1e6
  const { profile } = await chooseProfile(gpu, () => {
    advance *= 0.98
    return (time += advance)
  })
  expect(profile.matvec).toBe('subgroup')
  gpu.dispose()
})

test('the benchmark gives a row for every kernel, and stops when told to', async () => {
  const gpu = await openGpu()
  const rows: KernelBenchRow[] = []
  const options = { dtypes: ['Q8_0'] as const, onRow: (row: KernelBenchRow) => rows.push(row) }
  expect(await benchKernels(gpu, options)).toEqual(rows)
  const kernels = ['attention-decode', 'attention-prefill', 'gated-mat-vec', 'gemm', 'mat-vec', 'rms-norm']
  expect([...new Set(rows.map((row) => row.kernel))].sort()).toEqual(kernels)
  for (const row of rows) {
    expect(row.slowest).toBeGreaterThan(0)
    expect(row.median).toBeGreaterThanOrEqual(row.slowest)
    expect(row.fastest).toBeGreaterThanOrEqual(row.median)
  }
  const stop = new AbortController()
  const stopped = benchKernels(gpu, { ...options, onRow: () => stop.abort(), signal: stop.signal })
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
  gpu.dispose()
})
