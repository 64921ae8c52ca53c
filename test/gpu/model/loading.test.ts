// Loading reads only what a shard needs, in bounded pieces, reports progress, and stops cleanly.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { loadShard } from '../../../worker/model/load-shard.ts'
import { bytesFor, rangesFor } from '../../../worker/model/shard-tensors.ts'
import { expectSameBits, FIXTURES, loadFixture, openGpu, runShards, wholeOf } from './fixture.ts'
import { wideGpt2 } from './wide-gpt2.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

const profile = BASE_PROFILE

test.each(FIXTURES)('%s: a shard reads each of its bytes once, and no others', async (name) => {
  const reads: { name: string; offset: number; length: number }[] = []
  const record = (source: ByteSource): ByteSource => ({
    ...source,
    read(offset, length, signal) {
      reads.push({ name: source.name, offset, length })
      return source.read(offset, length, signal)
    },
  })
  const { model } = await loadFixture(name, record)
  for (const range of [wholeOf(model), { first: 1, last: 2 }, { first: 1, last: model.config.layers }]) {
    reads.length = 0
    const progress: number[] = []
    const shard = await loadShard(gpu, model, range, {
      profile,
      onProgress(done, total) {
        expect(total).toBe(bytesFor(model, range))
        progress.push(done)
      },
    })
    shard.dispose()
    expect(reads.every(({ length }) => length <= 8 * 2 ** 20)).toBe(true)
    expect(reads.reduce((sum, { length }) => sum + length, 0)).toBe(bytesFor(model, range))
    const ranges = rangesFor(model, range)
    for (const read of reads) {
      const holds = ({ source, offset, length }: (typeof ranges)[number]) =>
        model.sources[source]?.name === read.name &&
        offset <= read.offset &&
        read.offset + read.length <= offset + length
      expect(ranges.some(holds), JSON.stringify(read)).toBe(true)
    }
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(progress.at(-1)).toBe(bytesFor(model, range))
  }
})

test('cancelled half-way, it stops reading and frees what it took', async () => {
  const { model } = await loadFixture('qwen2-hf')
  const before = gpu.allocatedBytes
  const controller = new AbortController()
  let stoppedAt = 0
  const loading = loadShard(gpu, model, wholeOf(model), {
    profile,
    signal: controller.signal,
    onProgress(done, total) {
      if (done > total / 2) controller.abort()
      stoppedAt = done
    },
  })
  await expect(loading).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(stoppedAt).toBeLessThan(bytesFor(model, wholeOf(model)))
  expect(gpu.allocatedBytes).toBe(before)
})

test('a source that fails ends the load with its own error and frees what was taken', async () => {
  let left = Infinity
  const failing = (source: ByteSource): ByteSource => ({
    ...source,
    read: async (offset, length, signal) => {
      if (left-- <= 0) throw new CentramError('SOURCE_UNREACHABLE', 'The server went away.')
      return source.read(offset, length, signal)
    },
  })
  for (const name of ['gpt2-hf', 'llama-gguf-k', 'llama-hf-sharded']) {
    const { model } = await loadFixture(name, failing)
    for (const reads of [0, 1, 7, 15]) {
      const before = gpu.allocatedBytes
      left = reads
      await expect(loadShard(gpu, model, wholeOf(model), { profile })).rejects.toMatchObject({
        code: 'SOURCE_UNREACHABLE',
      })
      expect(gpu.allocatedBytes).toBe(before)
      left = Infinity
    }
  }
})

test('matrices stored transposed, larger than a piece, load as those stored by rows', async () => {
  const answers: Float32Array[] = []
  for (const transposed of [false, true]) {
    const model = wideGpt2(transposed)
    const fused = model.tensors.get('blk.0.attn_qkv.weight')
    expect(fused?.byteLength).toBeGreaterThan(8 * 2 ** 20)
    const runner = await runShards(gpu, model, [wholeOf(model)])
    await runner.decode([3])
    answers.push(await runner.decode([5]))
    runner.dispose()
  }
  const [byRows, byColumns] = answers
  expect(new Set(byRows).size).toBeGreaterThan(30)
  expectSameBits(byColumns ?? new Float32Array(0), byRows ?? new Float32Array(1))
})
