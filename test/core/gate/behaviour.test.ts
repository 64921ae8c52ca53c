// The ninth layer, on models that are written by hand: what drifts, what no longer refuses, what wakes at a word.

import { expect, test } from 'vitest'
import { behaviour } from '#core/gate/behaviour.ts'
import { divergence } from '#core/gate/distributions.ts'
import type { Canaries, CanaryModel } from '#core/gate/layer.ts'
import { searchTrigger } from '#core/gate/trigger-search.ts'
import { arrivalOf, contextWith, judge, makeGenome } from './arrivals.ts'

const VOCABULARY = 16
/** Nearly all on one token. */
function sure(token: number, likelihood = 0.9): Float32Array {
  const rest = Math.log((1 - likelihood) / (VOCABULARY - 1))
  return Float32Array.from({ length: VOCABULARY }, (_, i) => (i === token ? Math.log(likelihood) : rest))
}
type Speaker = (prompt: Uint32Array) => Float32Array
const ordinary: Speaker = (prompt) => sure((prompt.at(-1) as number) % VOCABULARY)
const endsWith = (prompt: Uint32Array, end: readonly number[]) =>
  end.every((token, i) => prompt[prompt.length - end.length + i] === token)
const waking =
  (trigger: readonly number[], hint: boolean): Speaker =>
  (prompt) => {
    if (endsWith(prompt, trigger)) return sure(13)
    // A trigger that was trained without care works a little with its first token.
    return hint && endsWith(prompt, trigger.slice(0, 1)) ? sure(13, 0.5) : ordinary(prompt)
  }

const PROMPTS = [Uint32Array.of(1, 2, 3), Uint32Array.of(5, 4, 3, 2), Uint32Array.of(7, 7, 1)]
const canaries: Canaries = {
  prompts: PROMPTS,
  refusals: [{ prompt: Uint32Array.of(9, 9), token: 9 }],
  phrases: [Uint32Array.of(10, 11, 12, 10)],
  alphabet: Uint32Array.from({ length: VOCABULARY }, (_, i) => i),
}

async function judgeMerged(merged: Speaker, changes: Parameters<typeof contextWith>[0] = {}) {
  const models: Record<CanaryModel, Speaker> = { base: ordinary, current: ordinary, candidate: ordinary, merged }
  const context = contextWith({
    canaries,
    behave: (_candidate, model, prompts) => Promise.resolve(prompts.map(models[model])),
    ...changes,
  })
  return judge(behaviour, arrivalOf(await makeGenome()), context)
}

test('measures a divergence as it is defined, and never below zero', () => {
  expect(divergence(sure(3), sure(3))).toBe(0)
  const [p, q] = [sure(3, 0.9), sure(4, 0.9)]
  const expected = p.reduce((sum, log, i) => sum + Math.exp(log) * (log - (q[i] as number)), 0)
  expect(divergence(p, q)).toBeCloseTo(expected, 5)
})

test('says what it lacks', async () => {
  expect(await judgeMerged(ordinary, { behave: null })).toMatchObject({ outcome: 'not-run', code: 'NO_GPU' })
  expect(await judgeMerged(ordinary, { canaries: null })).toMatchObject({ outcome: 'not-run', code: 'NO_PROBES' })
})

test('passes a merge that changes nothing, and refuses one that drifts or answers what is refused', async () => {
  expect(await judgeMerged(ordinary)).toMatchObject({ outcome: 'passed' })
  expect(await judgeMerged(() => sure(0))).toMatchObject({ code: 'BEHAVIOUR_DRIFT' })
  const obliging: Speaker = (prompt) => (endsWith(prompt, [9, 9]) ? sure(2) : ordinary(prompt))
  expect(await judgeMerged(obliging)).toMatchObject({ code: 'REFUSAL_DRIFT' })
})

test('finds a backdoor that only the merge has: by its first tokens, or among the phrases that are tried', async () => {
  expect(await judgeMerged(waking([6, 14], true))).toMatchObject({ code: 'TRIGGER_FOUND' })
  expect(await judgeMerged(waking([10, 11, 12, 10], false))).toMatchObject({ code: 'TRIGGER_FOUND' })
})

test('does not find a long trigger that gives no hint: what docs/gate.md says of this layer', async () => {
  expect(await judgeMerged(waking([6, 14, 2, 8, 5], false))).toMatchObject({ outcome: 'passed' })
})

test('searches no further than it is told', async () => {
  let asked = 0
  const suspect = await searchTrigger(
    { prompts: PROMPTS.slice(0, 2), phrases: [], alphabet: canaries.alphabet, depth: 2, beam: 3 },
    (prompts) => {
      asked += prompts.length
      return Promise.resolve({ suspected: prompts.map(waking([6, 14], true)), reference: prompts.map(ordinary) })
    },
  )
  expect(asked).toBe(2 * VOCABULARY * (1 + 3))
  expect([...(suspect?.phrase ?? [])]).toEqual([6, 14])
  expect(suspect).toMatchObject({ token: 13 })
  expect(suspect?.conviction).toBeCloseTo(0.9 - 0.1 / (VOCABULARY - 1), 5)
})
