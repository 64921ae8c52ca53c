// What must agree to the last bit: split and solo, one column and eight, a replay and what it replays.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { expectSameBits, FIXTURES, loadFixture, loadWhole, openGpu, runShards, stepTokens, wholeOf } from './fixture.ts'
import { expectSplitEqualsSolo, transcript } from './split.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

// Every model over every number of shards is a matter of the long suites.
test.each(FIXTURES)('split equals solo: %s', (name) => expectSplitEqualsSolo(gpu, name, [2]))

describe.each(FIXTURES)('a column does not know its neighbours: %s', (name) => {
  test('any grouping of decode columns gives the same bits', async () => {
    const { model, prompt, longPrompt } = await loadFixture(name)
    const shard = await loadWhole(gpu, model)
    const session = await shard.openSession(64)
    const tokens = [...prompt, ...longPrompt].slice(0, 16)
    let wanted: Float32Array | undefined
    let after: Float32Array | undefined
    for (const grouping of [new Array<number>(16).fill(1), [8, 8], [3, 5, 7, 1], [2, 6, 4, 4]]) {
      session.trim(0)
      let first = 0
      let logits = new Float32Array(0)
      for (const count of grouping) {
        logits = (await stepTokens(session, tokens.slice(first, first + count), 'decode', 'logits')).logits
        first += count
      }
      const next = (await stepTokens(session, [7], 'decode', 'logits')).logits
      wanted ??= logits
      after ??= next
      expectSameBits(logits, wanted)
      expectSameBits(next, after)
    }
    shard.dispose()
  })

  test('trimmed and replayed, it answers the same', async () => {
    const { model, longPrompt, greedy } = await loadFixture(name)
    const runner = await runShards(gpu, model, [wholeOf(model)])
    const wanted = await transcript(runner, longPrompt, greedy)
    // Something else where the replay will write, then back to the middle and to the start.
    await runner.decode(greedy.slice(0, 8).reverse())
    runner.trim(longPrompt.length + 5)
    for (const [index, token] of greedy.slice(5, 9).entries()) {
      expectSameBits(await runner.decode([token]), wanted[index + 2] ?? new Float32Array(0))
    }
    runner.trim(0)
    const again = await transcript(runner, longPrompt, greedy)
    for (const [index, logits] of again.entries()) expectSameBits(logits, wanted[index] ?? new Float32Array(0))
    expect(again).toHaveLength(6)
    runner.dispose()
  })
})

test('slabs do not change a bit', async () => {
  const { model, longPrompt, greedy } = await loadFixture('llama-gguf-k')
  const whole = await runShards(gpu, model, [wholeOf(model)])
  const wanted = await transcript(whole, longPrompt, greedy)
  whole.dispose()
  // The largest activation must still fit one binding; the embedding and the network's matrices then do not.
  const small = await openGpu(256 * 128 * 4)
  const cut = await runShards(small, model, [wholeOf(model)])
  const got = await transcript(cut, longPrompt, greedy)
  for (const [index, logits] of got.entries()) expectSameBits(logits, wanted[index] ?? new Float32Array(0))
  cut.dispose()
  small.dispose()
})
