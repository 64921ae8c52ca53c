// What must agree to the last bit for any model: split and solo, one column and eight, a replay and what it replays.

import { expect } from 'vitest'
import type { GpuContext } from '../../../worker/gpu/context.ts'
import { expectSameBits, loadFixture, loadWhole, runShards, stepTokens, wholeOf, type Runner } from './fixture.ts'

/** Logits after the prompt (two prefill chunks), after a wide decode step, and after each of some single ones. */
export async function transcript(
  runner: Runner,
  prompt: readonly number[],
  next: readonly number[],
): Promise<Float32Array[]> {
  const steps = [await runner.prefill(prompt), await runner.decode(next.slice(0, 5))]
  for (const token of next.slice(5, 9)) steps.push(await runner.decode([token]))
  return steps
}

/** `layers` in `parts` contiguous pieces: as evenly as they go, and as unevenly. */
export function cutLayers(layers: number, parts: number): { first: number; last: number }[][] {
  const even = Array.from({ length: parts }, (_, index) => ({
    first: Math.floor((layers * index) / parts),
    last: Math.floor((layers * (index + 1)) / parts),
  }))
  const uneven = Array.from({ length: parts }, (_, index) => ({
    first: index,
    last: index === parts - 1 ? layers : index + 1,
  }))
  return JSON.stringify(even) === JSON.stringify(uneven) ? [even] : [even, uneven]
}

/** Runs the fixture over each number of shards that its layers allow. */
export async function expectSplitEqualsSolo(gpu: GpuContext, name: string, counts: readonly number[]): Promise<void> {
  const { model, longPrompt, greedy } = await loadFixture(name)
  const { layers } = model.config
  const solo = await runShards(gpu, model, [wholeOf(model)])
  const wanted = await transcript(solo, longPrompt, greedy)
  solo.dispose()
  for (const parts of counts.filter((count) => count <= layers)) {
    for (const ranges of cutLayers(layers, parts)) {
      const split = await runShards(gpu, model, ranges)
      const got = await transcript(split, longPrompt, greedy)
      split.dispose()
      for (const [index, logits] of got.entries()) expectSameBits(logits, wanted[index] ?? new Float32Array(0))
    }
  }
}

/** Any grouping of decode columns gives the same bits. */
export async function expectGroupingsAgree(gpu: GpuContext, name: string): Promise<void> {
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
}

/** Trimmed and replayed, it answers the same. */
export async function expectReplayAgrees(gpu: GpuContext, name: string): Promise<void> {
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
}
