// The report on the study: tables of what ran, and a list of what did not.

import { expect, test } from 'vitest'
import type { Experiment } from '#core/experiments/experiment.ts'
import { STUDY } from '#core/experiments/study.ts'
import { describeStudy } from '#core/experiments/study-report.ts'

const pair = STUDY.find(({ name }) => name === 'pair-novel-countries') as Experiment
const cells = pair.arms.flatMap(({ name: arm }, at) =>
  pair.seeds.map((seed) => ({
    arm,
    seed,
    base: { novel: 2, countries: 3 },
    nodes: pair.nodes.map(({ name }) => ({
      name,
      own: 'novel' as const,
      losses: { novel: 1.9 - at / 10 - seed / 1000, countries: 2.9 - at / 10 },
    })),
    offers: arm === 'protocol' ? 8 : 0,
    accepted: arm === 'protocol' ? 7 : 0,
    training: [],
  })),
)

test('a pair stands with its lift, the gap and the offers', () => {
  const lines = describeStudy(STUDY, [{ experiment: pair, cells }])
  expect(lines).toContain(
    '| novel, countries | 4, 8 | +0.2000 [+0.2000, +0.2000] | +0.1000 [+0.1000, +0.1000] | 200 % | 88 % |',
  )
  expect(lines.join('\n')).toContain('**Verdict: not reached.** Lifted for sure: 1 of 1 pairs that ran (15 in all)')
  const notRun = lines.find((line) => line.startsWith('Not run: ')) as string
  expect(notRun).not.toContain('pair-novel-countries')
  expect(notRun).toContain('`peers-9`')
})

test('a run that has not ended says so, and decides nothing', () => {
  const text = describeStudy(STUDY, [
    { experiment: STUDY[0] as Experiment, cells: [] },
    { experiment: pair, cells: cells.slice(0, 3) },
  ]).join('\n')
  expect(text).toContain('(`fair-arms`, 5 seeds, 4 rounds of 8 steps of 8, rank 4, the built-in model; 0 of 80 cells)')
  expect(text).toContain('**Verdict: open.**')
  expect(text).toContain('`pair-novel-countries`')
})
