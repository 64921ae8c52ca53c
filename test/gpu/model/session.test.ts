// Sessions: several at once, queued steps, what they refuse, and that the GPU's memory comes back.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { BASE_PROFILE } from '../../../worker/gpu/profile.ts'
import { loadShard } from '../../../worker/model/load-shard.ts'
import { TOP_CANDIDATES, type Shard } from '../../../worker/model/shard.ts'
import { expectSameBits, loadFixture, loadWhole, openGpu, stepTokens, type Fixture } from './fixture.ts'

let gpu: GpuContext
let fixture: Fixture
let shard: Shard
beforeAll(async () => {
  gpu = await openGpu()
  fixture = await loadFixture('llama-hf')
  shard = await loadWhole(gpu, fixture.model)
})
afterAll(() => {
  shard.dispose()
  gpu.dispose()
})

const tokensOf = (...tokens: number[]) => ({ tokens: Uint32Array.from(tokens) })

test('two sessions side by side do not disturb each other', async () => {
  const alone = await shard.openSession(32)
  const wanted: Float32Array[] = []
  for (const token of fixture.prompt) wanted.push((await stepTokens(alone, [token], 'decode', 'logits')).logits)
  const a = await shard.openSession(32)
  const b = await shard.openSession(48)
  for (const [index, token] of fixture.prompt.entries()) {
    const first = stepTokens(a, [token], 'decode', 'logits')
    const second = stepTokens(b, [token + 1], 'decode', 'logits')
    expectSameBits((await first).logits, wanted[index] ?? new Float32Array(0))
    expect((await second).logits).not.toEqual(wanted[index])
  }
  for (const session of [alone, a, b]) session.dispose()
})

test('steps that are not awaited run in order', async () => {
  const session = await shard.openSession(32)
  const wanted: Float32Array[] = []
  for (const token of fixture.prompt) wanted.push((await stepTokens(session, [token], 'decode', 'logits')).logits)
  session.trim(0)
  const running = fixture.prompt.map((token) => stepTokens(session, [token], 'decode', 'logits'))
  expect(session.length).toBe(fixture.prompt.length)
  for (const [index, step] of running.entries()) {
    expectSameBits((await step).logits, wanted[index] ?? new Float32Array(0))
  }
  session.dispose()
})

test('token, top and logits agree', async () => {
  const session = await shard.openSession(32)
  const { logits } = await stepTokens(session, fixture.prompt, 'prefill', 'logits')
  session.trim(0)
  const { token } = await stepTokens(session, fixture.prompt, 'prefill', 'token')
  session.trim(0)
  const top = await stepTokens(session, fixture.prompt, 'prefill', 'top')
  const order = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
  expect(token).toBe(order[0])
  expect([...top.ids]).toEqual(order.slice(0, TOP_CANDIDATES))
  expect([...top.logits]).toEqual(order.slice(0, TOP_CANDIDATES).map((id) => logits[id]))
  session.trim(0)
  expect(await session.step(tokensOf(...fixture.prompt), 'prefill', 'none')).toBeUndefined()
  session.dispose()
})

describe('refusals', () => {
  test('a full context, and the session goes on after a trim', async () => {
    const session = await shard.openSession(4)
    await session.step(tokensOf(1, 2, 3), 'decode', 'none')
    await expect(session.step(tokensOf(4, 5), 'decode', 'none')).rejects.toMatchObject({ code: 'CONTEXT_FULL' })
    expect(session.length).toBe(3)
    await session.step(tokensOf(4), 'decode', 'none')
    await expect(session.step(tokensOf(5), 'decode', 'none')).rejects.toMatchObject({ code: 'CONTEXT_FULL' })
    session.trim(2)
    await session.step(tokensOf(5), 'decode', 'none')
    session.dispose()
  })

  test('arguments that make no sense', async () => {
    const bad = { code: 'BAD_ARGUMENT' }
    const session = await shard.openSession(200)
    await expect(session.step(tokensOf(), 'decode', 'none')).rejects.toMatchObject(bad)
    await expect(session.step(tokensOf(1, 2, 3, 4, 5, 6, 7, 8, 9), 'decode', 'none')).rejects.toMatchObject(bad)
    await expect(session.step({ tokens: new Uint32Array(129) }, 'prefill', 'none')).rejects.toMatchObject(bad)
    await expect(session.step(tokensOf(320), 'decode', 'none')).rejects.toMatchObject(bad)
    await expect(session.step({ hidden: new Float32Array(64) }, 'decode', 'none')).rejects.toMatchObject(bad)
    expect(() => session.trim(1)).toThrow(expect.objectContaining(bad))
    expect(session.length).toBe(0)
    session.dispose()
    await expect(session.step(tokensOf(1), 'decode', 'none')).rejects.toMatchObject(bad)
    for (const length of [0, 257, 1.5]) await expect(shard.openSession(length)).rejects.toMatchObject(bad)
    const inner = await loadShard(gpu, fixture.model, { first: 1, last: 2 }, { profile: BASE_PROFILE })
    const innerSession = await inner.openSession(8)
    await expect(innerSession.step(tokensOf(1), 'decode', 'none')).rejects.toMatchObject(bad)
    await expect(innerSession.step({ hidden: new Float32Array(65) }, 'decode', 'none')).rejects.toMatchObject(bad)
    expect(await innerSession.step({ hidden: new Float32Array(128) }, 'decode', 'none')).toMatchObject({
      kind: 'hidden',
    })
    inner.dispose()
  })
})

describe('memory', () => {
  test('is released with the session and the shard', async () => {
    for (const name of ['gpt2-hf', 'llama-gguf-mixed', 'qwen3-hf']) {
      const { model, prompt } = await loadFixture(name)
      const before = gpu.allocatedBytes
      const loaded = await loadWhole(gpu, model)
      const withWeights = gpu.allocatedBytes
      expect(withWeights).toBeGreaterThan(before)
      const session = await loaded.openSession(100)
      // Sizes are rounded up to 16 bytes a buffer.
      expect(gpu.allocatedBytes - withWeights).toBeGreaterThanOrEqual(loaded.sessionBytes(100))
      expect(gpu.allocatedBytes - withWeights).toBeLessThan(loaded.sessionBytes(100) + 1024)
      await stepTokens(session, prompt, 'prefill', 'token')
      const second = await loaded.openSession(10)
      second.dispose()
      session.dispose()
      expect(gpu.allocatedBytes).toBe(withWeights)
      await loaded.openSession(50)
      loaded.dispose()
      expect(gpu.allocatedBytes).toBe(before)
    }
  })

  test('that is missing is reported, and what was taken before is given back', async () => {
    for (const allowed of [0, 3, 10, 25, 40]) {
      const before = gpu.allocatedBytes
      let left = allowed
      const scarce: GpuContext = Object.create(gpu, {
        allocate: {
          value: (...args: Parameters<GpuContext['allocate']>) =>
            left-- > 0 ? gpu.allocate(...args) : gpu.allocate(args[0], 2 ** 50, args[2]),
        },
      }) as GpuContext
      await expect(loadWhole(scarce, fixture.model)).rejects.toMatchObject({ code: 'GPU_OUT_OF_MEMORY' })
      expect(gpu.allocatedBytes).toBe(before)
    }
  })

  test('a session larger than the GPU is refused with a remedy', async () => {
    const model = { ...fixture.model, config: { ...fixture.model.config, contextLength: 2 ** 30 } }
    const wide = await loadWhole(gpu, model)
    const before = gpu.allocatedBytes
    await expect(wide.openSession(2 ** 28)).rejects.toMatchObject({ code: 'GPU_OUT_OF_MEMORY' })
    await expect(wide.openSession(2 ** 28)).rejects.toThrow('shorter context')
    expect(gpu.allocatedBytes).toBe(before)
    wide.dispose()
  })
})

test('a lost GPU ends every step and session with GPU_LOST', async () => {
  const own = await openGpu()
  const loaded = await loadWhole(own, fixture.model)
  const session = await loaded.openSession(32)
  await stepTokens(session, [1, 2, 3], 'decode', 'token')
  const underWay = stepTokens(session, [4], 'decode', 'logits')
  underWay.catch(() => undefined)
  own.device.destroy()
  const settled = await Promise.allSettled([underWay])
  if (settled[0].status === 'rejected') expect(settled[0].reason).toMatchObject({ code: 'GPU_LOST' })
  await own.lost
  await expect(stepTokens(session, [5], 'decode', 'token')).rejects.toMatchObject({ code: 'GPU_LOST' })
  await expect(loaded.openSession(8)).rejects.toMatchObject({ code: 'GPU_LOST' })
  await expect(loadWhole(own, fixture.model)).rejects.toMatchObject({ code: 'GPU_LOST' })
  loaded.dispose()
})
