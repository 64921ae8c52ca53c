// What must agree to the last bit: split and solo, one column and eight, a replay and what it replays.

import { afterAll, beforeAll, describe, test } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { expectGroupingsAgree, expectReplayAgrees, expectSplitEqualsSolo, transcript } from './bit-contracts.ts'
import { expectSameBits, loadFixture, openGpu, runShards, wholeOf } from './fixture.ts'

let gpu: GpuContext
beforeAll(async () => {
  gpu = await openGpu()
})
afterAll(() => gpu.dispose())

/** The long suites take every model, over every number of shards. */
const SOME = ['gpt2-hf', 'llama-gguf-k']

describe.each(SOME)('%s', (name) => {
  test('split equals solo', () => expectSplitEqualsSolo(gpu, name, [2]))
  test('a column does not know its neighbours', () => expectGroupingsAgree(gpu, name))
  test('trimmed and replayed, it answers the same', () => expectReplayAgrees(gpu, name))
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
