// The tenth layer and what keeps merges in bounds: gains and harms by more than chance, and taking back.

import { expect, test } from 'vitest'
import { fitness } from '#core/gate/fitness.ts'
import type { ProbeLosses } from '#core/gate/layer.ts'
import { judgeMerge } from '#core/gate/merge-guard.ts'
import { DEFAULT_RULES } from '#core/gate/rules.ts'
import { arrivalOf, contextWith, judge, makeGenome } from './arrivals.ts'

const TOKENS = 64
/** Losses in nats a token; probes differ from one another by `spread`. */
function probes(
  kind: ProbeLosses['kind'],
  change: Partial<Record<'candidate' | 'merged', number>>,
  count = 8,
): ProbeLosses[] {
  return Array.from({ length: count }, (_, i) => {
    const base = 2 + 0.3 * Math.sin(i)
    const noise = 0.01 * Math.cos(3 * i)
    return {
      kind,
      tokens: TOKENS,
      base: base * TOKENS,
      current: base * TOKENS,
      candidate: (base + (change.candidate ?? 0) + noise) * TOKENS,
      merged: (base + (change.merged ?? 0) + noise) * TOKENS,
    }
  })
}

async function judgeProbes(...all: ProbeLosses[][]) {
  const context = contextWith({ evaluate: () => Promise.resolve(all.flat()) })
  return judge(fitness, arrivalOf(await makeGenome()), context)
}

test('passes a genome that helps its domain and harms no other', async () => {
  const finding = await judgeProbes(
    probes('own', { candidate: -0.2, merged: -0.05 }),
    probes('cross', { merged: 0.001 }),
    probes('generalist', { merged: -0.001 }),
  )
  expect(finding).toMatchObject({ outcome: 'passed' })
  expect(finding.figures?.['alone_change']).toBeCloseTo(-0.2, 1)
})

test('refuses what helps nobody, and what harms its own domain, another or general text', async () => {
  expect(await judgeProbes(probes('own', {}))).toMatchObject({ code: 'USELESS' })
  const good = probes('own', { candidate: -0.2, merged: -0.05 })
  expect(await judgeProbes(probes('own', { candidate: -0.2, merged: 0.1 }))).toMatchObject({ code: 'HARMFUL' })
  expect(await judgeProbes(good, probes('cross', { merged: 0.1 }))).toMatchObject({ code: 'HARMFUL' })
  expect(await judgeProbes(good, probes('generalist', { merged: 0.1 }))).toMatchObject({ code: 'HARMFUL' })
})

test('leaves open what may help and may not, and refuses it once the same is sure', async () => {
  const merged = Array.from({ length: 8 }, (_, i) => probes('own', { merged: i % 2 ? 0.1 : -0.12 }, 1)).flat()
  expect(await judgeProbes(merged)).toMatchObject({ outcome: 'not-run', code: 'UNDECIDED' })
  expect(await judgeProbes(probes('own', { candidate: 0.3, merged: -0.001 }, 64))).toMatchObject({ code: 'USELESS' })
})

test('leaves open what seems to harm and may not', async () => {
  const good = probes('own', { candidate: -0.2, merged: -0.05 })
  const cross = Array.from({ length: 8 }, (_, i) => probes('cross', { merged: i % 2 ? 0.14 : 0.05 }, 1)).flat()
  expect(await judgeProbes(good, cross)).toMatchObject({ outcome: 'not-run', code: 'UNDECIDED' })
  expect((await judgeProbes(good, cross)).message).toContain('texts of other kinds')
})

test('says what it lacks', async () => {
  expect(await judge(fitness, arrivalOf(await makeGenome()))).toMatchObject({ code: 'NO_GPU' })
  expect(await judgeProbes(probes('generalist', {}))).toMatchObject({ outcome: 'not-run', code: 'NO_PROBES' })
})

test('a merge is taken back when it is surely worse, not by chance or by little', () => {
  const paired = (mean: number, spread: number) =>
    Array.from({ length: 16 }, (_, i) => ({
      before: 2 * TOKENS,
      after: (2 + mean + spread * Math.sin(5 * i)) * TOKENS,
      tokens: TOKENS,
    }))
  const rules = DEFAULT_RULES.fitness
  expect(judgeMerge(paired(0.1, 0.02), rules, 1)).toMatchObject({ wanted: true })
  expect(judgeMerge(paired(0.1, 2), rules, 1)).toMatchObject({ wanted: false })
  expect(judgeMerge(paired(rules.maxMergeHarm / 2, 0.001), rules, 1)).toMatchObject({ wanted: false })
  expect(judgeMerge(paired(-0.1, 0.02), rules, 1)).toMatchObject({ wanted: false })
  expect(judgeMerge(paired(0.1, 0.02).slice(0, rules.leastProbes - 1), rules, 1)).toMatchObject({ wanted: false })
})
