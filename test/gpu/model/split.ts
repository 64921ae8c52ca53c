// A model cut into shards, against the same model whole: equal to the last bit.

import type { GpuContext } from '../../../worker/gpu/context.ts'
import { expectSameBits, loadFixture, runShards, wholeOf, type Runner } from './fixture.ts'

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
