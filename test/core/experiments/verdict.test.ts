// What the study's runs say together, on figures made up so that the answer is known.

import { describe, expect, test } from 'vitest'
import type { Experiment } from '#core/experiments/experiment.ts'
import { lossAt } from '#core/experiments/law.ts'
import type { Cell } from '#core/experiments/result.ts'
import { STUDY } from '#core/experiments/study.ts'
import { growthOf, judgeStudy, summariesOf, type StudyRun } from '#core/experiments/verdict.ts'

const named = (name: string) => STUDY.find((experiment) => experiment.name === name) as Experiment
const PAIRS = STUDY.filter(({ name }) => name.startsWith('pair-'))

/** Every cell of an experiment, with the gain that `gainOf` gives on each domain. */
function runOf(
  experiment: Experiment,
  gainOf: (arm: string, seed: number) => number,
  more: (arm: string) => Partial<Cell> = () => ({}),
): StudyRun {
  const [one, other] = experiment.nodes.flatMap(({ reads }) => Object.keys(reads)) as ['novel', 'countries']
  const cells = experiment.arms.flatMap(({ name: arm }) =>
    experiment.seeds.map((seed): Cell => {
      const gain = gainOf(arm, seed)
      return {
        arm,
        seed,
        base: { [one]: 2, [other]: 3 },
        nodes: [{ name: 'a', own: one, losses: { [one]: 2 - gain, [other]: 3 - gain } }],
        offers: arm === 'protocol' ? 8 : 0,
        accepted: arm === 'protocol' ? 8 : 0,
        training: [],
        ...more(arm),
      }
    }),
  )
  return { experiment, cells }
}

const gains: Readonly<Record<string, number>> = { 'own only': 0.1, joint: 0.3, protocol: 0.25 }
const good = (arm: string, seed: number) => (gains[arm] ?? 0) + seed / 1000
const planted = runOf(named('fair-planted'), good, (arm) =>
  arm === 'protocol' ? { planted: { offers: 12, accepted: 0 } } : {},
)

test('an arm closes its share of the gap between own and joint training', () => {
  const [alone, joint, protocol] = summariesOf(runOf(PAIRS[0] as Experiment, good))
  expect([alone?.arm, alone?.lift, alone?.closed]).toEqual(['own only', null, null])
  expect(joint?.closed).toBeNull()
  expect(joint?.lift?.mean).toBeCloseTo(0.2)
  expect(protocol?.lift?.mean).toBeCloseTo(0.15)
  expect(protocol?.closed).toBeCloseTo(0.75)
  expect([protocol?.accepted, protocol?.plantedAccepted]).toEqual([1, null])
})

test('where joint training brings nothing there is no gap to close', () => {
  const flat = summariesOf(runOf(PAIRS[0] as Experiment, () => 0.1))
  expect(flat.map(({ closed }) => closed)).toEqual([null, null, null])
})

describe('the verdict', () => {
  const all = PAIRS.map((pair) => runOf(pair, good))

  test('is success when all that was asked beforehand holds', () => {
    expect(judgeStudy(STUDY, [...all, planted])).toEqual({
      lifted: [PAIRS.length, PAIRS.length, PAIRS.length],
      halfClosed: PAIRS.length,
      honestAccepted: 1,
      plantedAccepted: 0,
      succeeded: true,
    })
  })

  test('is open while pairs are missing, or nothing bad was offered, or a run has not ended', () => {
    expect(judgeStudy(STUDY, [...all.slice(1), planted]).succeeded).toBeNull()
    expect(judgeStudy(STUDY, all).succeeded).toBeNull()
    const [first, ...rest] = all as [StudyRun, ...StudyRun[]]
    const halted = { ...first, cells: first.cells.slice(1) }
    expect(judgeStudy(STUDY, [halted, ...rest, planted]).succeeded).toBeNull()
    expect(judgeStudy(STUDY, [])).toMatchObject({ lifted: [0, 0, PAIRS.length], succeeded: null })
  })

  test('is failure with one pair that is not lifted for sure, or closes less than half', () => {
    const noisy = (arm: string, seed: number) => good(arm, seed) + (arm === 'protocol' ? (seed - 3) * 0.2 : 0)
    const small = (arm: string, seed: number) => (arm === 'protocol' ? 0.15 + seed / 1000 : good(arm, seed))
    for (const [gain, verdict] of [
      [noisy, { lifted: [PAIRS.length - 1, PAIRS.length, PAIRS.length], halfClosed: PAIRS.length }],
      [small, { lifted: [PAIRS.length, PAIRS.length, PAIRS.length], halfClosed: PAIRS.length - 1 }],
    ] as const) {
      const runs = [runOf(PAIRS[0] as Experiment, gain), ...all.slice(1), planted]
      expect(judgeStudy(STUDY, runs)).toMatchObject({ ...verdict, succeeded: false })
    }
  })

  test('is failure when something planted is taken, or too many honest offers are refused', () => {
    const taken = runOf(planted.experiment, good, () => ({ planted: { offers: 12, accepted: 1 } }))
    expect(judgeStudy(STUDY, [...all, taken]).succeeded).toBe(false)
    const strict = all.map((run) => ({ ...run, cells: run.cells.map((cell) => ({ ...cell, accepted: 0 })) }))
    expect(judgeStudy(STUDY, [...strict, planted]).succeeded).toBe(false)
  })
})

test('the law is fitted through the means, and its floor through each seed', () => {
  const law = { floor: 1.5, gain: 0.8, offset: 1.2 }
  const runs = [1, 2, 3, 4, 6, 9].map((k) => {
    const experiment = named(`peers-${k}`)
    const run = runOf(experiment, (_arm, seed) => 2.5 - lossAt(law, k) - seed / 1000)
    // Both domains count alike: bases of 2 and 3.
    return { ...run, cells: run.cells.map((cell) => ({ ...cell, base: { novel: 2, countries: 3 } })) }
  })
  const growth = growthOf(runs.toReversed())
  expect(growth.points.map(({ k }) => k)).toEqual([1, 2, 3, 4, 6, 9])
  expect(growth.law?.offset).toBeCloseTo(1.2, 2)
  expect(growth.floor?.count).toBe(5)
  expect(growthOf(runs.slice(0, 2)).law).toBeNull()
})
