// What the runs of the study say together: for each arm how much of the gap to joint training it closes and whom it took, over the
// numbers of peers the law, and whether what was called success beforehand was reached.

import type { Experiment } from '#core/experiments/experiment.ts'
import { meanInterval, type MeanInterval } from '#core/experiments/interval.ts'
import { fitLaw, type Law } from '#core/experiments/law.ts'
import { reportOf } from '#core/experiments/report.ts'
import { mean, type Cell } from '#core/experiments/result.ts'

export interface StudyRun {
  readonly experiment: Experiment
  readonly cells: readonly Cell[]
}

export interface ArmSummary {
  readonly arm: string
  /** Held-out loss before less after, over all domains. */
  readonly generalist: MeanInterval
  /** Beside own training, of the same seeds. */
  readonly lift: MeanInterval | null
  /** The share of the way from own to joint training; null where joint training is no better than own. */
  readonly closed: number | null
  /** The share of honest offers that was taken, and of planted ones. */
  readonly accepted: number | null
  readonly plantedAccepted: number | null
}

export const isComplete = ({ experiment, cells }: StudyRun): boolean =>
  cells.length === experiment.seeds.length * experiment.arms.length

/** Of the arms that ran, in their order. */
export function summariesOf({ experiment, cells }: StudyRun): readonly ArmSummary[] {
  const { rows } = reportOf(experiment, cells)
  const joint = experiment.arms.find(({ exchange }) => exchange.kind === 'joint')?.name
  const find = (arm: string | undefined) => rows.find((row) => row.arm === arm && row.measure === 'generalist')
  const gap = find(joint)?.lift?.mean ?? 0
  return experiment.arms.flatMap(({ name: arm }) => {
    const row = find(arm)
    if (!row?.interval) return []
    const mine = cells.filter((cell) => cell.arm === arm)
    return [
      {
        arm,
        generalist: row.interval,
        lift: row.lift,
        closed: row.lift && arm !== joint && gap > 0 ? row.lift.mean / gap : null,
        accepted: shareOf(mine),
        plantedAccepted: shareOf(mine.flatMap(({ planted }) => planted ?? [])),
      },
    ]
  })
}

export interface Growth {
  /** Held-out loss over all measured domains, by the number of peers. */
  readonly points: readonly { readonly k: number; readonly loss: MeanInterval }[]
  /** Through the means; null where there are too few. */
  readonly law: Law | null
  /** L* of the law through each seed's own points. */
  readonly floor: MeanInterval | null
}

/** Of runs that differ in the number of nodes alone; the loss is that of their last arm. */
export function growthOf(runs: readonly StudyRun[]): Growth {
  const losses = runs
    .filter(isComplete)
    .map(({ experiment, cells }) => ({
      k: experiment.nodes.length,
      bySeed: new Map(
        cells
          .filter(({ arm }) => arm === experiment.arms.at(-1)?.name)
          .map((cell) => [cell.seed, mean(cell.nodes.map((node) => mean(Object.values(node.losses))))] as const),
      ),
    }))
    .sort((one, other) => one.k - other.k)
  const points = losses.map(({ k, bySeed }) => ({ k, loss: meanInterval([...bySeed.values()]) }))
  const seeds = [...(losses[0]?.bySeed.keys() ?? [])].filter((seed) => losses.every(({ bySeed }) => bySeed.has(seed)))
  const laws = seeds.flatMap(
    (seed) => fitLaw(losses.map(({ k, bySeed }) => ({ k, loss: bySeed.get(seed) as number }))) ?? [],
  )
  return {
    points,
    law: fitLaw(points.map(({ k, loss }) => ({ k, loss: loss.mean }))),
    floor: laws.length === 0 ? null : meanInterval(laws.map(({ floor }) => floor)),
  }
}

/** What was called success before any run; null while too little ran to say. */
export interface Verdict {
  /** Pairs whose lift lies above zero with its whole interval, of those that ran, of all. */
  readonly lifted: readonly [lifted: number, ran: number, all: number]
  /** Pairs that close at least half of the gap to joint training. */
  readonly halfClosed: number
  /** Over all runs of the protocol. */
  readonly honestAccepted: number | null
  readonly plantedAccepted: number | null
  readonly succeeded: boolean | null
}

const HALF = 0.5
const ENOUGH = 0.9

/** @param protocol the name of the arm that is put to the test. */
export function judgeStudy(study: readonly Experiment[], runs: readonly StudyRun[], protocol = 'protocol'): Verdict {
  const done = runs.filter(isComplete)
  const isPair = ({ name }: Experiment) => name.startsWith('pair-')
  const all = study.filter(isPair).length
  const pairs = done
    .filter(({ experiment }) => isPair(experiment))
    .flatMap((run) => summariesOf(run).filter(({ arm }) => arm === protocol))
  const lifted = pairs.filter(({ lift }) => (lift?.low ?? 0) > 0).length
  const halfClosed = pairs.filter(({ closed }) => (closed ?? 0) >= HALF).length
  const cells = done.flatMap((run) => run.cells.filter(({ arm }) => arm === protocol))
  const honestAccepted = shareOf(cells)
  const plantedAccepted = shareOf(cells.flatMap(({ planted }) => planted ?? []))
  const failed =
    lifted < pairs.length ||
    halfClosed < pairs.length ||
    (honestAccepted !== null && honestAccepted < ENOUGH) ||
    (plantedAccepted !== null && plantedAccepted > 0)
  const isWhole = pairs.length === all && honestAccepted !== null && plantedAccepted !== null
  return {
    lifted: [lifted, pairs.length, all],
    halfClosed,
    honestAccepted,
    plantedAccepted,
    // One pair that fails decides it; success needs them all.
    succeeded: failed && pairs.length > 0 ? false : isWhole ? true : null,
  }
}

function shareOf(counts: readonly { readonly offers: number; readonly accepted: number }[]): number | null {
  const offers = counts.reduce((sum, count) => sum + count.offers, 0)
  return offers === 0 ? null : counts.reduce((sum, { accepted }) => sum + accepted, 0) / offers
}
