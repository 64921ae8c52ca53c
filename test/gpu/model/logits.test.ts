// Every family and format against logits that transformers computed on the same weights.

import { dequantise } from '#core/numeric/dequantise.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import type { Shard } from '../../../worker/model/shard.ts'
import { headMatrixName } from '../../../worker/model/shard-tensors.ts'
import { expectClose, FIXTURES, loadFixture, loadWhole, openGpu, stepTokens, type Fixture } from './fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

test('there is a fixture of every family in both formats', () => {
  expect(FIXTURES.length).toBeGreaterThanOrEqual(11)
  for (const family of ['gpt2', 'llama', 'qwen2', 'qwen3']) {
    for (const format of ['hf', 'gguf']) {
      expect(FIXTURES.some((name) => name.startsWith(`${family}-${format}`))).toBe(true)
    }
  }
})

describe.each(FIXTURES)('%s', (name) => {
  let fixture: Fixture
  let shard: Shard
  beforeAll(async () => {
    fixture = await loadFixture(name)
    shard = await loadWhole(gpu, fixture.model)
  })
  afterAll(() => shard?.dispose())

  test('decode gives the logits of every position', async () => {
    const session = await shard.openSession(32)
    for (const [index, token] of fixture.prompt.entries()) {
      const { logits } = await stepTokens(session, [token], 'decode', 'logits')
      expectClose(logits, fixture.logits[index] ?? new Float32Array(0))
    }
    session.dispose()
  })

  test('prefill gives the logits of the last position, also over two chunks', async () => {
    const session = await shard.openSession(fixture.model.config.contextLength)
    const short = await stepTokens(session, fixture.prompt, 'prefill', 'logits')
    expectClose(short.logits, fixture.logits.at(-1) ?? new Float32Array(0))
    session.trim(0)
    await session.step({ tokens: Uint32Array.from(fixture.longPrompt.slice(0, 128)) }, 'prefill', 'none')
    const long = await stepTokens(session, fixture.longPrompt.slice(128), 'prefill', 'logits')
    expectClose(long.logits, fixture.longLogits)
    session.dispose()
  })

  test('the states of a prefill are those that transformers made every position’s logits of', async () => {
    const { model, prompt, logits } = fixture
    const { config } = model
    const entry = model.tensors.get(headMatrixName(config))
    if (!entry) throw new Error('no head')
    const bytes = await model.sources[entry.source]?.read(entry.offset, entry.byteLength)
    const head = dequantise(entry.dtype, bytes ?? new Uint8Array(0))
    const session = await shard.openSession(32)
    const { states, columns } = await stepTokens(session, prompt, 'prefill', 'states')
    session.dispose()
    expect(columns).toBe(prompt.length)
    expect(states.length).toBe(columns * config.width)
    for (const column of prompt.keys()) {
      const state = states.subarray(column * config.width, (column + 1) * config.width)
      const made = Float32Array.from({ length: config.vocabularySize }, (_, token) =>
        state.reduce((sum, value, at) => sum + value * (head[token * config.width + at] ?? NaN), 0),
      )
      expectClose(made, logits[column] ?? new Float32Array(0))
    }
  })

  test('greedy decoding picks the same tokens', async () => {
    const session = await shard.openSession(64)
    let { token } = await stepTokens(session, fixture.prompt, 'prefill', 'token')
    const tokens = [token]
    while (tokens.length < fixture.greedy.length) {
      token = (await stepTokens(session, [token], 'decode', 'token')).token
      tokens.push(token)
    }
    expect(tokens).toEqual(fixture.greedy)
    session.dispose()
  })
})
